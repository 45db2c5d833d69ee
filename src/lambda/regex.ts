/**
 * Regular expressions of lambdas: RE2 syntax, linear time, through re2js; cheaper ways for shapes that are proven to accept
 * the same strings.
 *
 *   literal, ^literal, literal$, ^literal$        compared on the bytes of the column, nothing decoded
 *   a small subset without open repetition,
 *   or anchored at ^ with a single one            JavaScript RegExp; backtracking is bounded by the length of the input
 *   everything else                               re2js
 *
 * `testBytes` keeps the answers for recently seen byte strings: tags and enum-like fields repeat within a chunk. Thread: any.
 */
import { RE2JS } from 're2js'
import { complete, equalBytes, fromBytes, maxTextLength, toBytes } from './text.js'

interface Literal {
  readonly bytes: Uint8Array
  readonly text: string
  readonly atStart: boolean
  readonly atEnd: boolean
}

const memoSlots = 2048
/** Longer strings are not remembered. */
const memoBytes = 32

export class Pattern {
  private readonly re2: RE2JS
  private readonly literal: Literal | null
  private readonly fast: RegExp | null
  /** Answers by slot of the hash: 0 none, 1 no match, 2 match. Made with the first use. */
  private memoAnswers: Uint8Array | null = null
  private memoLengths = new Uint8Array(0)
  private memoText = new Uint8Array(0)
  private groupNames: Record<string, number> | null = null

  constructor(readonly source: string) {
    this.re2 = RE2JS.compile(source)
    this.literal = literalOf(source)
    this.fast = this.literal === null ? boundedRegExp(source) : null
  }

  /** Which way matches are found: for tests and benchmarks. */
  get route(): 'literal' | 'RegExp' | 're2' {
    return this.literal !== null ? 'literal' : this.fast !== null ? 'RegExp' : 're2'
  }

  test(s: string): boolean {
    const lit = this.literal
    if (lit !== null) {
      if (lit.atStart) return lit.atEnd ? s === lit.text : s.startsWith(lit.text)
      return lit.atEnd ? s.endsWith(lit.text) : s.includes(lit.text)
    }
    return this.fast !== null ? this.fast.test(s) : this.re2.test(s)
  }

  testBytes(bytes: Uint8Array, offset: number, length: number): boolean {
    const lit = this.literal
    if (lit !== null) return testLiteral(lit, bytes, offset, length)
    if (length > memoBytes) return this.test(fromBytes(bytes, offset, length))
    let answers = this.memoAnswers
    if (answers === null) {
      answers = new Uint8Array(memoSlots)
      this.memoAnswers = answers
      this.memoLengths = new Uint8Array(memoSlots)
      this.memoText = new Uint8Array(memoSlots * memoBytes)
    }
    let hash = length
    for (let i = offset; i < offset + length; i++) hash = Math.imul(hash ^ bytes[i], 0x9e3779b1)
    const slot = (hash ^ (hash >>> 15)) & (memoSlots - 1)
    const at = slot * memoBytes
    const known = answers[slot] !== 0 && this.memoLengths[slot] === length
    if (known && equalBytes(this.memoText, at, bytes, offset, length)) {
      return answers[slot] === 2
    }
    const answer = this.test(fromBytes(bytes, offset, length))
    answers[slot] = answer ? 2 : 1
    this.memoLengths[slot] = length
    for (let i = 0; i < length; i++) this.memoText[at + i] = bytes[offset + i]
    return answer
  }

  /** All matches replaced; `$1`, `${1}`, `$name`, `$$` in `replacement` as Go expands them. undefined: too long. */
  replaceAll(s: string, replacement: string): string | undefined {
    const parts = expansion(replacement)
    const m = this.re2.matcher(s)
    let out = ''
    let end = 0
    let first = true
    while (m.find()) {
      const from = m.start()
      const to = m.end()
      // An empty match right behind another match does not count.
      if (first || to > end) {
        out += s.slice(end, from)
        for (const part of parts) {
          if (typeof part === 'string') out += part
          else out += this.groupOf(part.group, m)
        }
      } else out += s.slice(end, from)
      if (out.length > maxTextLength) return undefined
      end = to
      first = false
    }
    return complete(out + s.slice(end))
  }

  private groupOf(name: string, m: { group(group: number): string | null }): string {
    let index = -1
    if (/^(?:0|[1-9][0-9]*)$/.test(name)) index = Number(name)
    else {
      this.groupNames ??= this.re2.namedGroups()
      index = Object.hasOwn(this.groupNames, name) ? this.groupNames[name] : -1
    }
    if (index < 0 || index > this.re2.groupCount()) return ''
    return m.group(index) ?? ''
  }
}

/** Splits a replacement into texts and group references. */
export function expansion(replacement: string): (string | { group: string })[] {
  const parts: (string | { group: string })[] = []
  const reference = /\$(?:\$|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/gu
  let from = 0
  for (const m of replacement.matchAll(reference)) {
    if (m.index > from) parts.push(replacement.slice(from, m.index))
    const name = m[1] ?? m[2]
    parts.push(name === undefined ? '$' : { group: name })
    from = m.index + m[0].length
  }
  if (from < replacement.length) parts.push(replacement.slice(from))
  return parts
}

function testLiteral(lit: Literal, bytes: Uint8Array, offset: number, length: number): boolean {
  const want = lit.bytes
  const size = want.length
  if (size > length || (lit.atStart && lit.atEnd && size !== length)) return false
  if (lit.atStart) return equalBytes(bytes, offset, want, 0, size)
  if (lit.atEnd) return equalBytes(bytes, offset + length - size, want, 0, size)
  for (let at = offset; at <= offset + length - size; at++) {
    if (equalBytes(bytes, at, want, 0, size)) return true
  }
  return false
}

/** A character that stands for itself in RE2 and in JavaScript. */
const plainChar = /[A-Za-z0-9 _\-:,;=@#%&~"'<>!/\u00a1-\ud7ff\ue000-\ufffc]/
const escapable = '\\.+*?()|[]{}^$/'

/** The text of a pattern that is one literal, perhaps anchored. */
function literalOf(source: string): Literal | null {
  let i = 0
  let text = ''
  const atStart = source.startsWith('^')
  if (atStart) i = 1
  for (; i < source.length; i++) {
    const c = source[i]
    if (c === '$' && i === source.length - 1) return { bytes: toBytes(text), text, atStart, atEnd: true }
    if (c === '\\' && i + 1 < source.length && escapable.includes(source[i + 1])) text += source[++i]
    else if (plainChar.test(c)) text += c
    else return null
  }
  return { bytes: toBytes(text), text, atStart, atEnd: false }
}

/**
 * The same language as a JavaScript RegExp, or null. Accepted: plain characters, escaped punctuation, `.`, \d \w \s, simple
 * character classes, `?`, one `*` or `+` provided the pattern begins with ^, and a final `$`. No groups and alternatives.
 */
function boundedRegExp(source: string): RegExp | null {
  let out = ''
  let i = 0
  let open = 0
  let optional = 0
  const anchored = source.startsWith('^')
  if (anchored) {
    out = '^'
    i = 1
  }
  while (i < source.length) {
    const c = source[i]
    if (c === '$') {
      if (i !== source.length - 1) return null
      out += '$'
      i++
      break
    }
    let atom: string
    if (c === '.') {
      atom = '[^\\n]'
      i++
    } else if (c === '\\') {
      const e = source[i + 1]
      if (e === 'd') atom = '[0-9]'
      else if (e === 'w') atom = '[0-9A-Za-z_]'
      else if (e === 's') atom = '[\\t\\n\\f\\r ]'
      else if (e !== undefined && escapable.includes(e)) atom = `\\${e}`
      else return null
      i += 2
    } else if (c === '[') {
      const set = /^\[\^?(?:[A-Za-z0-9_ ,:;=@](?:-[A-Za-z0-9])?)+\]/.exec(source.slice(i))
      if (set === null || /[A-Z]-[^A-Z]|[a-z]-[^a-z]|[0-9]-[^0-9]|[_ ,:;=@]-/.test(set[0])) return null
      // RE2 refuses z-a, JavaScript does too: compile() has already thrown.
      atom = set[0]
      i += atom.length
    } else if (plainChar.test(c)) {
      atom = c
      i++
    } else return null
    const q = source[i]
    if (q === '*' || q === '+' || q === '?') {
      if (q === '?') optional++
      else open++
      atom += q
      i++
      if ('*+?{'.includes(source[i] ?? ' ')) return null
    } else if (q === '{') return null
    out += atom
  }
  if (open > 1 || optional > 3 || (open === 1 && (!anchored || optional > 0))) return null
  return new RegExp(out, 'u')
}

const cache = new Map<string, Pattern>()
const cacheSize = 256

/** The compiled pattern of a regex literal. Throws when RE2 refuses it. */
export function patternOf(source: string): Pattern {
  let p = cache.get(source)
  if (p === undefined) {
    p = new Pattern(source)
    if (cache.size >= cacheSize) cache.delete(cache.keys().next().value!)
    cache.set(source, p)
  }
  return p
}
