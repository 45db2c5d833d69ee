/** String functions (spec tickscript 8.4). Offsets and lengths are bytes of UTF-8. Thread: any. */
import type { Pattern } from '../regex.js'
import { byteLength, byteSlice, complete, isAscii, maxTextLength } from '../text.js'
import { Failure, Type, tooLong } from '../types.js'
import { type FunctionDef, type Kernel, type Signature, sig } from './function-def.js'

const { Int, String: Str, Bool, Regex } = Type

/** Byte offset of a UTF-16 index; -1 stays. */
function byteIndex(s: string, index: number): number {
  return index <= 0 ? index : byteLength(s.slice(0, index))
}

function containsAny(s: string, chars: string): boolean {
  return indexAny(s, chars) >= 0
}

function count(s: string, sub: string): number {
  if (sub === '') return codePoints(s) + 1
  let n = 0
  for (let at = s.indexOf(sub); at >= 0; at = s.indexOf(sub, at + sub.length)) n++
  return n
}

function codePoints(s: string): number {
  if (isAscii(s)) return s.length
  let n = 0
  for (const _ of s) n++
  return n
}

function indexAny(s: string, chars: string): number {
  const has = membership(chars)
  let at = 0
  for (const ch of s) {
    if (has(ch)) return byteIndex(s, at)
    at += ch.length
  }
  return -1
}

function lastIndexAny(s: string, chars: string): number {
  const has = membership(chars)
  let at = 0
  let last = -1
  for (const ch of s) {
    if (has(ch)) last = at
    at += ch.length
  }
  return byteIndex(s, last)
}

/** Whether a code point is in the set. Long sets are hashed: both strings may be data. */
function membership(chars: string): (ch: string) => boolean {
  if (chars.length <= 8 && isAscii(chars)) return (ch) => chars.includes(ch)
  const set = new Set(chars)
  return (ch) => set.has(ch)
}

/** undefined: too long. */
function replace(s: string, old: string, by: string, n: number): string | undefined {
  if (n === 0 || (old === by && n < 0)) return s
  let left = n < 0 ? Infinity : n
  let out = ''
  if (old === '') {
    let at = 0
    for (const ch of s) {
      if (left-- <= 0) return complete(out + s.slice(at))
      out += by + ch
      if (out.length > maxTextLength) return undefined
      at += ch.length
    }
    return complete(left > 0 ? out + by : out)
  }
  let from = 0
  for (let at = s.indexOf(old); at >= 0 && left > 0; at = s.indexOf(old, from)) {
    out += s.slice(from, at) + by
    if (out.length > maxTextLength) return undefined
    from = at + old.length
    left--
  }
  return complete(out + s.slice(from))
}

function made(s: string | undefined): string {
  if (s === undefined) throw new Failure(tooLong)
  return s
}

/** Cut only where it costs no error; undefined: `substring` has the text. */
function substringOrNothing(s: string, start: number, stop: number): string | undefined {
  if (start < 0 || stop < start || stop >= byteLength(s)) return undefined
  return byteSlice(s, start, stop)
}

function substring(s: string, start: bigint, stop: bigint): string {
  for (const index of [start, stop]) {
    if (index < 0n) throw new Failure(`found negative index for strSubstring: ${index}`)
  }
  if (stop >= BigInt(byteLength(s))) {
    throw new Failure(`stop index too large for string in strSubstring: ${stop}`)
  }
  if (start > stop) throw new Failure(`runtime error: slice bounds out of range [${start}:${stop}]`, true)
  return byteSlice(s, Number(start), Number(stop))
}

/** Greek letters whose full upper-case form has two characters but whose simple one has one. */
function simpleUpper(ch: string, full: string): string {
  const c = ch.codePointAt(0)!
  if (c >= 0x1f80 && c <= 0x1faf) return (c & 8) === 0 ? String.fromCharCode(c + 8) : ch
  if (c === 0x1fb3 || c === 0x1fc3 || c === 0x1ff3) return String.fromCharCode(c + 9)
  return [...full].length === 1 ? full : ch
}

function toUpper(s: string): string {
  if (isAscii(s)) return s.toUpperCase()
  let out = ''
  for (const ch of s) out += simpleUpper(ch, ch.toUpperCase())
  return out
}

function toLower(s: string): string {
  if (isAscii(s)) return s.toLowerCase()
  let out = ''
  // Only İ grows: to i and a combining dot, which the simple mapping leaves away.
  for (const ch of s) out += ch === 'İ' ? 'i' : ch.toLowerCase()
  return out
}

const spaces =
  '\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'

function trimLeft(s: string, cutset: string): string {
  const has = membership(cutset)
  let from = 0
  for (const ch of s) {
    if (!has(ch)) break
    from += ch.length
  }
  return s.slice(from)
}

function trimRight(s: string, cutset: string): string {
  const has = membership(cutset)
  let to = s.length
  while (to > 0) {
    const low = s.charCodeAt(to - 1)
    const high = to > 1 ? s.charCodeAt(to - 2) : 0
    const size = low >= 0xdc00 && low < 0xe000 && high >= 0xd800 && high < 0xdc00 ? 2 : 1
    if (!has(s.slice(to - size, to))) break
    to -= size
  }
  return s.slice(0, to)
}

type Texts = readonly string[]

function texts(
  name: string,
  params: string[],
  result: Type,
  fn: (...args: string[]) => string | number | boolean,
  doc: string,
): FunctionDef {
  const signature: Signature = sig(
    params.map(() => Str),
    result,
  )
  const kernel: Kernel = { fn }
  return {
    name,
    family: 'string',
    doc,
    params,
    signatures: [signature],
    call: (args) => {
      const v = fn(...(args as Texts))
      return result === Int ? BigInt(v) : v
    },
    kernel: () => kernel,
  }
}

export const stringFunctions: readonly FunctionDef[] = [
  texts('strContains', ['s', 'sub'], Bool, (s, sub) => s.includes(sub), 'Whether sub occurs in s.'),
  texts('strContainsAny', ['s', 'chars'], Bool, containsAny, 'Whether any character of chars occurs in s.'),
  texts(
    'strCount',
    ['s', 'sub'],
    Int,
    count,
    'Occurrences of sub that do not overlap; characters + 1 when sub is empty.',
  ),
  texts('strHasPrefix', ['s', 'prefix'], Bool, (s, p) => s.startsWith(p), 'Whether s begins with prefix.'),
  texts('strHasSuffix', ['s', 'suffix'], Bool, (s, p) => s.endsWith(p), 'Whether s ends with suffix.'),
  texts('strIndex', ['s', 'sub'], Int, (s, sub) => byteIndex(s, s.indexOf(sub)), 'Byte index of the first sub, or -1.'),
  texts('strIndexAny', ['s', 'chars'], Int, indexAny, 'Byte index of the first character of chars, or -1.'),
  texts(
    'strLastIndex',
    ['s', 'sub'],
    Int,
    (s, sub) => byteIndex(s, s.lastIndexOf(sub)),
    'Byte index of the last sub, or -1.',
  ),
  texts('strLastIndexAny', ['s', 'chars'], Int, lastIndexAny, 'Byte index of the last character of chars, or -1.'),
  texts('strLength', ['s'], Int, byteLength, 'Length in bytes.'),
  {
    name: 'strReplace',
    family: 'string',
    doc: 'Replaces the first n occurrences of old; all when n is negative.',
    params: ['s', 'old', 'new', 'n'],
    signatures: [sig([Str, Str, Str, Int], Str)],
    call: (args) => made(replace(args[0] as string, args[1] as string, args[2] as string, Number(args[3] as bigint))),
    kernel: () => ({ fn: replace, partial: true }),
  },
  {
    name: 'strSubstring',
    family: 'string',
    doc: 'Bytes start up to, not including, stop. The last byte cannot be reached: stop must be below the length.',
    params: ['s', 'start', 'stop'],
    signatures: [sig([Str, Int, Int], Str)],
    call: (args) => substring(args[0] as string, args[1] as bigint, args[2] as bigint),
    kernel: () => ({ fn: substringOrNothing, partial: true }),
  },
  texts('strToLower', ['s'], Str, toLower, 'Lower case, character by character.'),
  texts('strToUpper', ['s'], Str, toUpper, 'Upper case, character by character.'),
  texts(
    'strTrim',
    ['s', 'cutset'],
    Str,
    (s, set) => trimRight(trimLeft(s, set), set),
    'Removes the characters of cutset from both ends.',
  ),
  texts('strTrimLeft', ['s', 'cutset'], Str, trimLeft, 'Removes the characters of cutset from the start.'),
  texts(
    'strTrimPrefix',
    ['s', 'prefix'],
    Str,
    (s, p) => (s.startsWith(p) ? s.slice(p.length) : s),
    'Removes prefix once.',
  ),
  texts('strTrimRight', ['s', 'cutset'], Str, trimRight, 'Removes the characters of cutset from the end.'),
  texts(
    'strTrimSpace',
    ['s'],
    Str,
    (s) => trimRight(trimLeft(s, spaces), spaces),
    'Removes white space from both ends.',
  ),
  texts(
    'strTrimSuffix',
    ['s', 'suffix'],
    Str,
    (s, p) => (p !== '' && s.endsWith(p) ? s.slice(0, -p.length) : s),
    'Removes suffix once.',
  ),
  {
    name: 'regexReplace',
    family: 'string',
    doc: 'Replaces every match of a regex; $1 and $name in the replacement insert groups (braces allowed), $$ a dollar.',
    params: ['regex', 's', 'replacement'],
    signatures: [sig([Regex, Str, Str], Str)],
    call: (args) => made((args[0] as Pattern).replaceAll(args[1] as string, args[2] as string)),
    kernel: () => ({ fn: (p: Pattern, s: string, r: string) => p.replaceAll(s, r), partial: true }),
  },
]
