/**
 * Splits the source of a Go text/template into tokens. Positions are UTF-16 offsets into the source; `line` is 1-based.
 * The last token is `eof` or `error`; after an error nothing follows. Thread: any, no state.
 */
import { goQuote } from '../go/go-format.js'

export type TokenType =
  | 'error'
  | 'eof'
  | 'text'
  | 'left'
  | 'right'
  | 'space'
  | 'field'
  | 'variable'
  | 'identifier'
  | 'keyword'
  | 'dot'
  | 'nil'
  | 'bool'
  | 'number'
  | 'char'
  | 'string'
  | 'raw'
  | 'pipe'
  | 'assign'
  | 'declare'
  | '('
  | ')'
  | ','
  | 'punctuation'

export interface Token {
  readonly type: TokenType
  readonly pos: number
  readonly text: string
  readonly line: number
}

const keywords = new Set(['block', 'define', 'else', 'end', 'if', 'range', 'template', 'with'])
const space = /[ \t\r\n]/
const wordChar = /[\p{L}\p{Nd}_]/u
const numberPattern =
  /[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*|0[bB][01_]*(?:\.[01_]*)?|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?/y

class LexError extends Error {}

export function tokenize(source: string): Token[] {
  const tokens: Token[] = []
  const lexer = new Lexer(source, tokens)
  try {
    lexer.run()
  } catch (err) {
    if (!(err instanceof LexError)) throw err
    lexer.push('error', lexer.start, err.message)
  }
  return tokens
}

class Lexer {
  start = 0
  private at = 0
  private line = 1
  private lineAt = 0
  private parens = 0

  constructor(
    private readonly source: string,
    private readonly tokens: Token[],
  ) {}

  run(): void {
    let trimNext = false
    for (;;) {
      const open = this.source.indexOf('{{', this.at)
      const end = open < 0 ? this.source.length : open
      const trims = open >= 0 && this.source.startsWith('- ', open + 2)
      let text = this.source.slice(this.at, end)
      let textAt = this.at
      if (trimNext) {
        const kept = text.replace(/^[ \t\r\n]+/, '')
        textAt += text.length - kept.length
        text = kept
      }
      if (trims) text = text.slice(0, lengthWithoutBlanks(text))
      if (text !== '') this.push('text', textAt, text)
      if (open < 0) break
      this.start = open
      this.at = open + (trims ? 4 : 2)
      if (this.source.startsWith('/*', this.at)) trimNext = this.comment()
      else {
        this.push('left', open, '{{')
        trimNext = this.action()
      }
    }
    this.push('eof', this.source.length, '')
  }

  push(type: TokenType, pos: number, text: string): void {
    for (; this.lineAt < pos; this.lineAt++) if (this.source.charCodeAt(this.lineAt) === 10) this.line++
    this.tokens.push({ type, pos, text, line: this.line })
  }

  /** Both answer whether white space behind the action is trimmed. */
  private comment(): boolean {
    const close = this.source.indexOf('*/', this.at)
    if (close < 0) throw new LexError('unclosed comment')
    this.at = close + 2
    if (this.source.startsWith('}}', this.at)) {
      this.at += 2
      return false
    }
    if (this.source.startsWith(' -}}', this.at)) {
      this.at += 4
      return true
    }
    throw new LexError('comment ends before closing delimiter')
  }

  private action(): boolean {
    const s = this.source
    this.parens = 0
    for (;;) {
      this.start = this.at
      const trims = s.startsWith(' -}}', this.at)
      if (trims || s.startsWith('}}', this.at)) {
        if (this.parens > 0) throw new LexError('unclosed left paren')
        this.push('right', this.at, '}}')
        this.at += trims ? 4 : 2
        return trims
      }
      const c = s[this.at]
      if (c === undefined || c === '\n' || c === '\r') throw new LexError('unclosed action')
      if (c === ' ' || c === '\t') this.spaces()
      else if (c === ':') {
        if (s[this.at + 1] !== '=') throw new LexError('expected :=')
        this.take('declare', 2)
      } else if (c === '=') this.take('assign', 1)
      else if (c === '|') this.take('pipe', 1)
      else if (c === '"') this.quoted('"', 'string', 'unterminated quoted string')
      else if (c === "'") this.quoted("'", 'char', 'unterminated character constant')
      else if (c === '`') this.raw()
      else if (c === '(') {
        this.parens++
        this.take('(', 1)
      } else if (c === ')') {
        if (--this.parens < 0) throw new LexError(`unexpected right paren ${describeChar(')')}`)
        this.take(')', 1)
      } else if (c === ',') this.take(',', 1)
      else if (c === '$') this.name('variable')
      else if (c === '.' && !/[0-9]/.test(s[this.at + 1] ?? '')) this.name('field')
      else if (/[0-9+\-.]/.test(c)) this.number()
      else if (wordChar.test(this.char())) this.word()
      // Printable ASCII: the parser says where it does not belong.
      else if (c >= ' ' && c <= '~') this.take('punctuation', 1)
      else throw new LexError(`unrecognized character in action: ${describeChar(this.char())}`)
    }
  }

  private char(): string {
    return String.fromCodePoint(this.source.codePointAt(this.at) ?? 0)
  }

  private take(type: TokenType, length: number): void {
    this.push(type, this.start, this.source.slice(this.start, this.start + length))
    this.at = this.start + length
  }

  private spaces(): void {
    let end = this.at
    while (this.source[end] === ' ' || this.source[end] === '\t') end++
    // The blank of a trimming end belongs to the delimiter.
    if (this.source.startsWith('-}}', end)) end--
    if (end > this.at) this.take('space', end - this.at)
  }

  private wordEnd(from: number): number {
    let end = from
    while (end < this.source.length) {
      const c = String.fromCodePoint(this.source.codePointAt(end)!)
      if (!wordChar.test(c)) break
      end += c.length
    }
    return end
  }

  private name(type: 'field' | 'variable'): void {
    const end = this.wordEnd(this.at + 1)
    if (type === 'field' && end === this.at + 1) this.take('dot', 1)
    else {
      this.checkTerminator(end)
      this.take(type, end - this.start)
    }
  }

  private word(): void {
    const end = this.wordEnd(this.at)
    const word = this.source.slice(this.at, end)
    this.checkTerminator(end)
    const type = keywords.has(word)
      ? 'keyword'
      : word === 'nil'
        ? 'nil'
        : word === 'true' || word === 'false'
          ? 'bool'
          : 'identifier'
    this.take(type, word.length)
  }

  private checkTerminator(end: number): void {
    const c = this.source[end]
    if (c === undefined || space.test(c) || '.,|:)(}'.includes(c)) return
    throw new LexError(`bad character ${describeChar(String.fromCodePoint(this.source.codePointAt(end)!))}`)
  }

  private number(): void {
    numberPattern.lastIndex = this.at
    const length = numberPattern.exec(this.source)?.[0].length ?? 0
    let next = this.at + length
    // The second half of a complex number, which templates here do not have.
    if (length > 0 && /[+-]/.test(this.source[next] ?? '')) {
      numberPattern.lastIndex = next
      next += numberPattern.exec(this.source)?.[0].length ?? 0
      throw new LexError(`bad number syntax: ${goQuote(this.source.slice(this.at, next))}`)
    }
    if (length === 0 || (next < this.source.length && wordChar.test(this.source[next]))) {
      throw new LexError(`bad number syntax: ${goQuote(this.source.slice(this.at, next + 1))}`)
    }
    this.take('number', length)
  }

  private quoted(quote: string, type: TokenType, unterminated: string): void {
    const s = this.source
    let end = this.at + 1
    while (s[end] !== quote) {
      if (s[end] === '\\' && s[end + 1] !== '\n' && end + 1 < s.length) end++
      else if (s[end] === undefined || s[end] === '\n') throw new LexError(unterminated)
      end++
    }
    this.take(type, end + 1 - this.start)
  }

  private raw(): void {
    const end = this.source.indexOf('`', this.at + 1)
    if (end < 0) throw new LexError('unterminated raw quoted string')
    this.take('raw', end + 1 - this.start)
  }
}

/** A pattern for blanks at the end would begin anew at every blank. */
function lengthWithoutBlanks(text: string): number {
  let end = text.length
  while (end > 0 && space.test(text[end - 1])) end--
  return end
}

/** `U+0040 '@'` */
export function describeChar(c: string): string {
  const code = c.codePointAt(0)!
  const hex = code.toString(16).toUpperCase().padStart(4, '0')
  return code < 0x20 || code === 0x7f ? `U+${hex}` : `U+${hex} '${c}'`
}
