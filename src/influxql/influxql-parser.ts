/**
 * Reads InfluxQL statements as far as a batch task needs to know them before it starts (spec batch 1.2 and 5.2): which kind of
 * statement it is, and the sources of a SELECT. Thread: any.
 */
import { influxqlError, Lexer, type Token } from './influxql-lexer.js'

export interface Source {
  /** '' where the text does not name it. */
  readonly db: string
  readonly rp: string
  readonly name: string
  readonly regex: boolean
}

export type Statement =
  | { readonly kind: 'select'; readonly sources: readonly Source[]; readonly groupByTime: boolean }
  /** Anything else: its text in canonical spacing. */
  | { readonly kind: 'other'; readonly text: string }

const maxDepth = 200
const starts = ['SELECT', 'DELETE', 'SHOW', 'CREATE', 'DROP', 'GRANT', 'REVOKE', 'ALTER', 'SET', 'KILL']

/** Throws ShardlineError with `found X, expected Y at line L, char C`. */
export function parseInfluxql(source: string): Statement[] {
  return new Parser(source).statements()
}

class Parser {
  private readonly lexer: Lexer
  private depth = 0

  constructor(source: string) {
    this.lexer = new Lexer(source)
  }

  statements(): Statement[] {
    const out: Statement[] = []
    for (;;) {
      while (this.is(';')) this.lexer.next()
      if (this.lexer.peek().kind === 'eof') break
      out.push(this.statement())
      const after = this.lexer.peek()
      if (after.kind !== 'eof' && after.text !== ';') throw this.found(after, ';')
    }
    if (out.length === 0) throw this.found(this.lexer.peek(), ...starts)
    return out
  }

  private statement(): Statement {
    const first = this.lexer.next()
    if (first.kind !== 'keyword' || !starts.includes(first.text)) throw this.found(first, ...starts)
    if (first.text === 'SELECT') return this.select()
    let text = first.text
    for (let t = this.lexer.peek(); t.kind !== 'eof' && t.text !== ';'; t = this.lexer.peek()) {
      text += ` ${t.kind === 'string' ? `'${t.text}'` : t.text}`
      this.lexer.next()
    }
    return { kind: 'other', text }
  }

  private select(): Statement {
    do this.field()
    while (this.accept(','))
    if (this.accept('INTO')) this.source()
    this.expect('FROM')
    const sources: Source[] = []
    do sources.push(this.source())
    while (this.accept(','))
    if (this.accept('WHERE')) this.expression(0)
    let groupByTime = false
    if (this.accept('GROUP')) {
      this.expect('BY')
      do groupByTime = this.dimension() || groupByTime
      while (this.accept(','))
    }
    if (this.lexer.peek().kind === 'ident' && this.lexer.peek().text.toLowerCase() === 'fill') {
      this.lexer.next()
      this.expect('(')
      this.lexer.next()
      this.expect(')')
    }
    if (this.accept('ORDER')) this.order()
    for (const clause of ['LIMIT', 'OFFSET', 'SLIMIT', 'SOFFSET']) {
      if (!this.accept(clause)) continue
      const n = this.lexer.next()
      if (n.kind !== 'integer') throw this.found(n, 'integer')
    }
    return { kind: 'select', sources, groupByTime }
  }

  private field(): void {
    if (this.lexer.peek(true).kind === 'regex') this.lexer.next()
    else this.expression(0)
    if (this.accept('AS')) this.ident()
  }

  /** regex | ident { "." ident } with the retention policy left out (`db..m`) | [ident "." [ident "."]] regex */
  private source(): Source {
    const parts: string[] = []
    for (;;) {
      const t = this.lexer.peek(true)
      if (t.kind === 'regex') {
        this.lexer.next()
        return this.qualified([...parts, t.text], true)
      }
      if (t.text === '.' && parts.length === 1) parts.push('')
      else parts.push(this.ident())
      if (parts.length === 3 || !this.accept('.')) return this.qualified(parts, false)
    }
  }

  private qualified(parts: readonly string[], regex: boolean): Source {
    const name = parts[parts.length - 1]
    const rp = parts.length > 1 ? parts[parts.length - 2] : ''
    return { db: parts.length > 2 ? parts[0] : '', rp, name, regex }
  }

  /** True for a call of time(). */
  private dimension(): boolean {
    const t = this.lexer.peek(true)
    if (t.kind === 'regex') {
      this.lexer.next()
      return false
    }
    this.expression(0)
    return t.kind === 'ident' && t.text.toLowerCase() === 'time'
  }

  private order(): void {
    this.expect('BY')
    const t = this.lexer.peek()
    if (t.kind === 'ident') {
      if (t.text.toLowerCase() !== 'time') throw influxqlError('only ORDER BY time supported at this time')
      this.lexer.next()
    }
    if (!this.accept('ASC')) this.accept('DESC')
  }

  private expression(min: number): void {
    if (++this.depth > maxDepth) throw influxqlError(`expression nested deeper than ${maxDepth}`)
    this.unary()
    for (;;) {
      const t = this.lexer.peek()
      const precedence = precedenceOf(t)
      if (precedence === 0 || precedence <= min) break
      this.lexer.next()
      if (t.text === '=~' || t.text === '!~') {
        const r = this.lexer.next(true)
        if (r.kind !== 'regex') throw this.found(r, 'regex')
      } else this.expression(precedence)
    }
    this.depth--
  }

  private unary(): void {
    const t = this.lexer.next(true)
    switch (t.kind) {
      case 'string':
      case 'number':
      case 'integer':
      case 'duration':
      case 'regex':
        return
      case 'operator':
        if (t.text === '*') {
          if (this.accept('::')) this.lexer.next()
          return
        }
        break
      case 'keyword':
        if (t.text === 'TRUE' || t.text === 'FALSE') return
        if (t.text === 'DISTINCT') {
          if (this.is('(')) this.parenthesised()
          else this.ident()
          return
        }
        break
      case 'punctuation':
        if (t.text === '(') {
          this.expression(0)
          this.expect(')')
          return
        }
        break
      case 'ident':
        this.reference()
        return
    }
    throw this.found(t, 'identifier', 'string', 'number', 'bool')
  }

  private parenthesised(): void {
    this.expect('(')
    this.expression(0)
    this.expect(')')
  }

  /** After an identifier: a call, or the rest of a dotted name with an optional cast. */
  private reference(): void {
    if (this.accept('(')) {
      if (this.accept(')')) return
      do {
        if (this.lexer.peek(true).kind === 'regex') this.lexer.next()
        else this.expression(0)
      } while (this.accept(','))
      this.expect(')')
      return
    }
    while (this.accept('.')) this.ident()
    if (this.accept('::')) this.lexer.next()
  }

  private ident(): string {
    const t = this.lexer.next()
    if (t.kind !== 'ident') throw this.found(t, 'identifier')
    return t.text
  }

  private is(text: string): boolean {
    const t = this.lexer.peek()
    return t.text === text && t.kind !== 'string' && t.kind !== 'ident'
  }

  private accept(text: string): boolean {
    if (!this.is(text)) return false
    this.lexer.next()
    return true
  }

  private expect(text: string): void {
    const t = this.lexer.next()
    if (t.text !== text || t.kind === 'string' || t.kind === 'ident') throw this.found(t, text)
  }

  private found(t: Token, ...expected: readonly string[]): Error {
    return influxqlError(`found ${t.text}, expected ${expected.join(', ')} at line ${t.line}, char ${t.char}`)
  }
}

/** OR 1, AND 2, comparisons 3, sums 4, products 5; 0: not a binary operator. */
function precedenceOf(t: Token): number {
  if (t.kind === 'keyword') return t.text === 'OR' ? 1 : t.text === 'AND' ? 2 : 0
  if (t.kind !== 'operator') return 0
  if (t.text === '+' || t.text === '-') return 4
  return t.text === '*' || t.text === '/' ? 5 : 3
}
