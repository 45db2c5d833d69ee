/**
 * Go's path.Match: `*` and `?` do not cross `/`, classes negate with `^`, a backslash escapes the next character. Time is
 * bounded by pattern length × name length. Thread: any.
 */
interface Class {
  readonly negated: boolean
  /** Pairs of code points. */
  readonly ranges: readonly (readonly [number, number])[]
}

type Token = 'star' | 'any' | number | Class

/** Tokens of a pattern, or null when it is malformed. */
export function parseGlob(pattern: string): readonly Token[] | null {
  const chars = [...pattern]
  const tokens: Token[] = []
  let at = 0
  const literal = (): number | null => {
    let c = chars[at++]
    if (c === '\\') c = chars[at++]
    return c === undefined ? null : c.codePointAt(0)!
  }
  const classAt = (): Class | null => {
    const negated = chars[at] === '^'
    if (negated) at++
    const ranges: [number, number][] = []
    while (!(chars[at] === ']' && ranges.length > 0)) {
      if (chars[at] === '-' || chars[at] === ']') return null
      const low = literal()
      if (low === null) return null
      let high: number | null = low
      if (chars[at] === '-') {
        at++
        if (chars[at] === '-' || chars[at] === ']') return null
        high = literal()
      }
      if (high === null || at >= chars.length) return null
      ranges.push([low, high])
    }
    at++
    return { negated, ranges }
  }
  while (at < chars.length) {
    const c = chars[at]
    let token: Token | null
    if (c === '*' || c === '?' || c === '[') {
      at++
      token = c === '*' ? 'star' : c === '?' ? 'any' : classAt()
    } else token = literal()
    if (token === null) return null
    tokens.push(token)
  }
  return tokens
}

const slash = 0x2f

function matchesOne(token: Token, c: number): boolean {
  if (typeof token === 'number') return token === c
  if (token === 'any' || token === 'star') return c !== slash
  return c !== slash && token.ranges.some(([low, high]) => c >= low && c <= high) !== token.negated
}

function matchTokens(tokens: readonly Token[], name: readonly number[]): boolean {
  let t = 0
  let n = 0
  // Where to go on when the rest does not match: the last star takes one character more.
  let starToken = -1
  let starName = 0
  while (n < name.length) {
    if (t < tokens.length && tokens[t] === 'star') {
      starToken = t++
      starName = n
    } else if (t < tokens.length && matchesOne(tokens[t], name[n])) {
      t++
      n++
    } else if (starToken >= 0 && name[starName] !== slash) {
      t = starToken + 1
      n = ++starName
    } else return false
  }
  while (tokens[t] === 'star') t++
  return t === tokens.length
}

/** Empty matches everything; a malformed pattern nothing. */
export function globMatcher(pattern: string): (name: string) => boolean {
  if (pattern === '') return () => true
  const tokens = parseGlob(pattern)
  if (tokens === null) return () => false
  return (name) =>
    matchTokens(
      tokens,
      [...name].map((c) => c.codePointAt(0)!),
    )
}
