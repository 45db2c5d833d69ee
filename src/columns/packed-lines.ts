/**
 * Packs cells of a line of line protocol straight from its bytes: no strings and numbers are made; numbers keep their text.
 * Thread: any, without shared state. The format is packed-rows.ts'.
 */
import { Kind } from './kinds.js'
import { boolAt, EscapeSet, LineTokens } from './line-tokens.js'
import type { RowScratch } from './row-scratch.js'

/** Kind bytes of numbers that are kept as the text of the line. */
export const TextKind = { Int: 16 + Kind.Int, Float: 16 + Kind.Float } as const

const tokens = new LineTokens()
const backslash = 92
let plain: Uint8Array = new Uint8Array(256)
let plainStart = 0
let plainEnd = 0

/** Leaves [start, end) without escapes in `plain` from `plainStart` to `plainEnd`. */
function unescaped(b: Uint8Array, start: number, end: number, set: EscapeSet): void {
  let i = start
  while (i < end && b[i] !== backslash) i++
  if (i === end) {
    plain = b
    plainStart = start
    plainEnd = end
    return
  }
  plain = new Uint8Array(end - start)
  plainStart = 0
  plainEnd = set.unescapeInto(b, start, end, plain, 0)
}

function isOneOf(names: readonly Uint8Array[]): boolean {
  const length = plainEnd - plainStart
  next: for (const n of names) {
    if (n.length !== length) continue
    for (let i = 0; i < length; i++) if (n[i] !== plain[plainStart + i]) continue next
    return true
  }
  return false
}

/** Adds the tags of the valid line at [start, end) but those named; returns their number. */
export function packLineTags(
  b: Uint8Array,
  start: number,
  end: number,
  except: readonly Uint8Array[],
  out: RowScratch,
): number {
  tokens.readKey(b, start, end)
  let count = 0
  for (let i = 0; i < tokens.tagCount; i++) {
    const o = 4 * i
    unescaped(b, tokens.tags[o], tokens.tags[o + 1], EscapeSet.Tag)
    if (isOneOf(except)) continue
    out.text(plain, plainStart, plainEnd - plainStart)
    unescaped(b, tokens.tags[o + 2], tokens.tags[o + 3], EscapeSet.Tag)
    out.text(plain, plainStart, plainEnd - plainStart)
    count++
  }
  return count
}

/** Adds the fields of the valid line at [start, end) but those named. */
export function packLineFields(
  b: Uint8Array,
  start: number,
  end: number,
  except: readonly Uint8Array[],
  out: RowScratch,
): void {
  tokens.readKey(b, start, end)
  tokens.readFields(b, tokens.keyEnd, end)
  for (let i = 0; i < tokens.fieldCount; i++) {
    const o = 5 * i
    unescaped(b, tokens.fields[o], tokens.fields[o + 1], EscapeSet.Name)
    if (isOneOf(except)) continue
    out.text(plain, plainStart, plainEnd - plainStart)
    const from = tokens.fields[o + 2]
    const to = tokens.fields[o + 3]
    const kind = tokens.fields[o + 4]
    if (kind === Kind.Bool) {
      out.byte(kind)
      out.byte(boolAt(b, from) ? 1 : 0)
    } else if (kind === Kind.String) {
      out.byte(kind)
      unescaped(b, from, to, EscapeSet.String)
      out.text(plain, plainStart, plainEnd - plainStart)
    } else {
      out.byte(kind === Kind.Int ? TextKind.Int : TextKind.Float)
      out.text(b, from, to - from)
    }
  }
}
