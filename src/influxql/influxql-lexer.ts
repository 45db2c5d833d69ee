/** Tokens of InfluxQL as the pre-1.2 grammar reads it (spec batch 5.1): no comments, no exponents, signs stick to numbers. Thread: any. */
import { ShardlineError } from '../errors.js'

export type TokenKind =
  | 'eof'
  | 'ident'
  | 'keyword'
  | 'string'
  | 'integer'
  | 'number'
  | 'duration'
  | 'regex'
  | 'operator'
  | 'punctuation'
  | 'illegal'

export interface Token {
  readonly kind: TokenKind
  /** Keywords upper-cased, identifiers and strings unquoted, operators and punctuation as written (`<>` is `!=`). */
  readonly text: string
  readonly line: number
  readonly char: number
}

export const keywords = new Set(
  (
    'ALL ALTER ANY AS ASC BEGIN BY CREATE CONTINUOUS DATABASE DATABASES DEFAULT DELETE DESC DESTINATIONS DIAGNOSTICS DISTINCT ' +
    'DROP DURATION END EVERY EXPLAIN FIELD FOR FROM GRANT GRANTS GROUP GROUPS IN INF INSERT INTO KEY KEYS KILL LIMIT ' +
    'MEASUREMENT MEASUREMENTS NAME OFFSET ON ORDER PASSWORD POLICY POLICIES PRIVILEGES QUERIES QUERY READ REPLICATION ' +
    'RESAMPLE RETENTION REVOKE SELECT SERIES SET SHOW SHARD SHARDS SLIMIT SOFFSET STATS SUBSCRIPTION SUBSCRIPTIONS TAG TO ' +
    'USER USERS VALUES WHERE WITH WRITE AND OR TRUE FALSE'
  ).split(' '),
)

const twoChars = ['!=', '<>', '=~', '!~', '<=', '>=', '::']

export function influxqlError(message: string): ShardlineError {
  return new ShardlineError('influxql', message)
}

export class Lexer {
  private pos = 0
  private peeked: Token | null = null
  /** Line of the position asked for last, where it starts and where its line feed is. */
  private line = 1
  private lineStart = 0
  private lineEnd = -1

  constructor(private readonly source: string) {
    this.toLine(1, 0)
  }

  /** The next token; `regex` where the grammar allows a regular expression. */
  next(regex = false): Token {
    const token = this.peeked ?? this.scan(regex)
    this.peeked = null
    return token
  }

  peek(regex = false): Token {
    this.peeked ??= this.scan(regex)
    return this.peeked
  }

  private scan(regex: boolean): Token {
    const { source } = this
    while (this.pos < source.length && ' \t\n'.includes(source[this.pos])) this.pos++
    const start = this.pos
    const make = (kind: TokenKind, text: string): Token => ({ kind, text, ...this.position(start) })
    if (start >= source.length) return make('eof', 'EOF')
    const c = source[start]
    const rest = source.slice(start)
    const word = /^[A-Za-z_][A-Za-z0-9_]*/.exec(rest)
    if (word !== null) {
      this.pos += word[0].length
      const upper = word[0].toUpperCase()
      return keywords.has(upper) ? make('keyword', upper) : make('ident', word[0])
    }
    const number = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)/.exec(rest)
    if (number !== null) return this.number(number[0], rest, make)
    if (c === '"' || c === "'") return this.quoted(c, make)
    if (c === '/' && regex) return this.regexLiteral(make)
    for (const two of twoChars) {
      if (!rest.startsWith(two)) continue
      this.pos += 2
      return two === '::' ? make('punctuation', two) : make('operator', two === '<>' ? '!=' : two)
    }
    this.pos++
    if ('+-*/=<>'.includes(c)) return make('operator', c)
    if ('(),.;:'.includes(c)) return make('punctuation', c)
    return make('illegal', c)
  }

  private number(digits: string, rest: string, make: (kind: TokenKind, text: string) => Token): Token {
    const whole = !digits.includes('.')
    const duration = whole && /^[+-]?\d+[A-Za-zµ]/.test(rest) ? /^[+-]?\d+[A-Za-z0-9µ]*/.exec(rest) : null
    const text = duration === null ? digits : duration[0]
    this.pos += text.length
    if (duration !== null) return make('duration', text)
    if (!whole) return make('number', text)
    const v = BigInt(text.replace(/^\+/, ''))
    if (v !== BigInt.asIntN(64, v)) throw influxqlError(`unable to parse integer at ${this.at(this.pos - text.length)}`)
    return make('integer', text)
  }

  private quoted(quote: string, make: (kind: TokenKind, text: string) => Token): Token {
    const { source } = this
    const start = this.pos
    let text = ''
    for (this.pos++; this.pos < source.length; this.pos++) {
      const c = source[this.pos]
      if (c === quote) {
        this.pos++
        return make(quote === '"' ? 'ident' : 'string', text)
      }
      if (c === '\n') break
      if (c !== '\\') {
        text += c
        continue
      }
      const escaped = source[++this.pos]
      if (escaped === 'n') text += '\n'
      else if (escaped === '\\' || escaped === '"' || escaped === "'") text += escaped
      else throw influxqlError(`bad escape, expected a quote or n at ${this.at(start)}`)
    }
    throw influxqlError(`found ${text}, unterminated string at ${this.at(start)}`)
  }

  private regexLiteral(make: (kind: TokenKind, text: string) => Token): Token {
    const m = /^\/((?:[^/\\\n]|\\.)*)\//.exec(this.source.slice(this.pos))
    if (m === null) throw influxqlError(`unterminated regular expression at ${this.at(this.pos)}`)
    this.pos += m[0].length
    return make('regex', m[1].replaceAll('\\/', '/'))
  }

  /** Asked for tokens in their order, so that all of them together read the source once. */
  private position(offset: number): { line: number; char: number } {
    if (offset < this.lineStart) this.toLine(1, 0)
    while (this.lineEnd < offset) this.toLine(this.line + 1, this.lineEnd + 1)
    return { line: this.line, char: offset - this.lineStart + 1 }
  }

  private toLine(line: number, start: number): void {
    const end = this.source.indexOf('\n', start)
    this.line = line
    this.lineStart = start
    this.lineEnd = end < 0 ? Number.POSITIVE_INFINITY : end
  }

  private at(offset: number): string {
    const { line, char } = this.position(offset)
    return `line ${line}, char ${char}`
  }
}
