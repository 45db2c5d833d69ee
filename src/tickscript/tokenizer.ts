/**
 * The tokenizer of TICKscript. Which token a character starts depends on the mode left by the token before it (TickContext).
 *
 * A character that starts no token is accepted as nothing, which stops the strict parse there; `lastRead` then says what was
 * found and in which context. The parse has one stack and is synchronous, so the last token read is the offending one. Thread: any.
 */
import { ExternalTokenizer, type InputStream } from '@lezer/lr'
import * as term from './generated/tick.terms.js'
import { Mode, type TickContext } from './tick-context.js'

/** Brackets and unary operators may nest this deep: bounds the parser's stack and every recursion over the tree. */
export const maxDepth = 200

/** The last token handed to the parser. */
export interface LastRead {
  /** UTF-16 offset of the token, and of what follows it. */
  start: number
  end: number
  /** Its term, endOfInput, lexicalError or tooDeep. */
  token: number
  /** Text of the lexical error. */
  message: string
  context: TickContext | null
  /** Start, end and term of each number, duration and regex read so far. */
  literals: number[]
}

export const endOfInput = -1
export const lexicalError = -2
export const tooDeep = -3

export const lastRead: LastRead = { start: 0, end: 0, token: endOfInput, message: '', context: null, literals: [] }

const keywords = new Map<string, number>([
  ['AND', term.And],
  ['OR', term.Or],
  ['TRUE', term.True],
  ['FALSE', term.False],
  ['var', term.Var],
  ['dbrp', term.DbrpKeyword],
])
const longestKeyword = 6

const single = new Map<string, number>([
  ['(', term.ParenL],
  [')', term.ParenR],
  ['[', term.BracketL],
  [']', term.BracketR],
  [',', term.Comma],
  ['|', term.Pipe],
  ['@', term.At],
  ['*', term.Star],
  ['-', term.Minus],
  ['!', term.Not],
])

const letter = /^\p{L}/u
const letterOrDigit = /^[\p{L}\p{Nd}_]/u

const chr = (text: string) => text.charCodeAt(0)
const slash = chr('/')
const backslash = chr('\\')
const newline = chr('\n')
const dot = chr('.')
const quote = chr("'")
const doubleQuote = chr('"')

export const tickTokens = new ExternalTokenizer(
  (input, stack) => {
    const context = stack.context as TickContext
    const start = input.pos
    if (isSpace(input.next)) {
      do input.advance()
      while (isSpace(input.next))
      input.acceptToken(term.space)
      return
    }
    lastRead.start = start
    lastRead.context = context
    const token = context.depth > maxDepth ? tooDeep : read(input, context)
    lastRead.token = token
    lastRead.end = input.pos
    if (token < 0) return
    if (token === term.Number || token === term.Duration || token === term.Regex) {
      lastRead.literals.push(start, input.pos, token)
    }
    input.acceptToken(token)
  },
  { contextual: true },
)

function read(input: InputStream, context: TickContext): number {
  const next = input.next
  if (next < 0) return endOfInput
  if (next === slash && context.mode === Mode.Regex) return readRegex(input)
  if (context.mode === Mode.Operator) {
    const operator = readOperator(input)
    if (operator >= 0) return operator
  }
  if (next === slash) return input.peek(1) === slash ? readComment(input) : readRegex(input)
  if (isDigit(next) || (next === dot && isDigit(input.peek(1)))) return readNumber(input)
  if (next === dot) return take(input, term.Dot)
  if (next === quote) return readString(input)
  if (next === doubleQuote) return readDelimited(input, doubleQuote, term.Reference, 'unterminated field reference')
  const first = codePoint(input)
  const punctuation = single.get(first)
  if (punctuation !== undefined) return take(input, punctuation)
  if (letter.test(first)) return readWord(input)
  return fail(`unknown state, last char: ${quoteRune(first)}`)
}

/** Operators of one or two characters, in operator mode. */
function readOperator(input: InputStream): number {
  const second = input.peek(1)
  switch (String.fromCharCode(input.next)) {
    case '+':
      return take(input, term.Plus)
    case '-':
      return take(input, term.Minus)
    case '*':
      return take(input, term.Mul)
    case '%':
      return take(input, term.Mod)
    case '/':
      return second === slash ? readComment(input) : take(input, term.Div)
    case '=':
      if (second === chr('=')) return take(input, term.Equal, 2)
      return second === chr('~') ? take(input, term.RegexEqual, 2) : take(input, term.Assign)
    case '!':
      if (second === chr('=')) return take(input, term.NotEqual, 2)
      return second === chr('~') ? take(input, term.RegexNotEqual, 2) : take(input, term.Not)
    case '>':
      return second === chr('=') ? take(input, term.GreaterEqual, 2) : take(input, term.Greater)
    case '<':
      return second === chr('=') ? take(input, term.LessEqual, 2) : take(input, term.Less)
    default:
      return -1
  }
}

/** A comment goes on over line ends that are followed by blanks and another `//`. */
function readComment(input: InputStream): number {
  for (;;) {
    while (input.next >= 0 && input.next !== newline) input.advance()
    let ahead = 1
    while (isBlank(input.peek(ahead))) ahead++
    if (input.next < 0 || input.peek(ahead) !== slash || input.peek(ahead + 1) !== slash) return term.Comment
    input.advance(ahead)
  }
}

function readRegex(input: InputStream): number {
  return readDelimited(input, slash, term.Regex, 'unterminated regex')
}

function readDelimited(input: InputStream, delimiter: number, token: number, unterminated: string): number {
  input.advance()
  while (input.next !== delimiter) {
    if (input.next < 0) return fail(unterminated)
    if (input.next === backslash && input.peek(1) === delimiter) input.advance()
    input.advance()
  }
  return take(input, token)
}

function readString(input: InputStream): number {
  if (input.peek(1) !== quote || input.peek(2) !== quote) {
    return readDelimited(input, quote, term.String, 'unterminated string')
  }
  input.advance(3)
  while (input.next !== quote || input.peek(1) !== quote || input.peek(2) !== quote) {
    if (input.next < 0) return fail('unterminated string')
    input.advance()
  }
  return take(input, term.String, 3)
}

function readNumber(input: InputStream): number {
  let decimal = false
  for (;;) {
    if (input.next === dot) {
      if (decimal) return fail('multiple decimals in number')
      decimal = true
    } else if (!isDigit(input.next)) break
    input.advance()
  }
  if (decimal || input.next < 0 || !'uµsmhdw'.includes(String.fromCharCode(input.next))) return term.Number
  const minutes = input.next === chr('m')
  input.advance()
  if (minutes && input.next === chr('s')) input.advance()
  return term.Duration
}

function readWord(input: InputStream): number {
  let text = ''
  for (;;) {
    const char = codePoint(input)
    if (char === '' || !letterOrDigit.test(char)) break
    if (text.length <= longestKeyword) text += char
    input.advance(char.length)
  }
  if (text === 'lambda' && input.next === chr(':')) return take(input, term.LambdaKeyword)
  return keywords.get(text) ?? term.Identifier
}

function take(input: InputStream, token: number, length = 1): number {
  input.advance(length)
  return token
}

function fail(message: string): number {
  lastRead.message = message
  return lexicalError
}

function codePoint(input: InputStream): string {
  if (input.next < 0) return ''
  const high = input.next
  if (high < 0xd800 || high > 0xdbff) return String.fromCharCode(high)
  const low = input.peek(1)
  return low >= 0xdc00 && low <= 0xdfff ? String.fromCharCode(high, low) : String.fromCharCode(high)
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9 || code === 13
}

/** Unicode White_Space; unlike JavaScript's `\s` with U+0085 and without the byte order mark. */
function isSpace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 9 && code <= 13)
  if (code < 0x80) return false
  return (
    code === 0x85 ||
    code === 0xa0 ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  )
}

/** Go's %q of a rune. */
function quoteRune(char: string): string {
  const code = char.codePointAt(0)!
  if (char === "'" || char === '\\') return `'\\${char}'`
  const named = '\x07a\bb\ff\nn\rr\tt\vv'.indexOf(char)
  if (named >= 0 && named % 2 === 0) return `'\\${'\x07a\bb\ff\nn\rr\tt\vv'[named + 1]}'`
  if (code < 0x20 || code === 0x7f) return `'\\x${code.toString(16).padStart(2, '0')}'`
  if (/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(char)) return `'${char}'`
  return code > 0xffff ? `'\\U${code.toString(16).padStart(8, '0')}'` : `'\\u${code.toString(16).padStart(4, '0')}'`
}
