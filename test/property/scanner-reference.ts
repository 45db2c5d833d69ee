/**
 * Line protocol, written down as slowly and plainly as possible from the specification, over strings of one character per
 * byte: what the scanner is compared with. Shares no code with it, except for the hash of a partition key.
 */
export interface RefPoint {
  name: string
  tags: Map<string, string>
  /** Text of the value by kind: 'i' int, 'f' float (as JavaScript prints it, -0 kept), 's' string, 'b' boolean. */
  fields: Map<string, string>
  ns: bigint | null
  line: string
}

class Bad extends Error {}

const fail = (reason: string): never => {
  throw new Bad(reason)
}

export function refLines(body: string): string[] {
  const lines: string[] = []
  let line = ''
  let space = false
  let quoted = false
  let eq = 0
  let commas = 0
  for (let i = 0; i < body.length; i++) {
    const c = body[i]
    if (c === '\\') {
      line += c
      if (i + 1 < body.length) line += body[++i]
      continue
    }
    if (c === ' ') space = true
    if (space && c === '=' && !quoted) eq++
    if (space && c === ',' && !quoted) commas++
    if (space && c === '"' && eq > commas) quoted = !quoted
    if (c === '\n' && !quoted) {
      lines.push(line)
      line = ''
      space = false
      eq = 0
      commas = 0
      continue
    }
    line += c
  }
  lines.push(line)
  return lines
    .map((l) => l.replace(/^[ \t\0]+/, ''))
    .filter((l) => l !== '' && !l.startsWith('#'))
    .map((l) => (l.endsWith('\n') ? l.slice(0, -1) : l))
}

/** Splits at the first character of `at` that has no backslash before it; the first character never counts. */
function cut(s: string, from: number, at: string): number {
  for (let i = from; i < s.length; i++) if (at.includes(s[i]) && s[i - 1] !== '\\') return i
  return -1
}

const unescapeName = (s: string): string => s.replace(/\\([," =])/g, '$1')
const unescapeTag = (s: string): string => s.replace(/\\([, =])/g, '$1')
const unescapeString = (s: string): string => s.replace(/\\(["\\])/g, '$1')

function refKey(line: string): { name: string; tags: Map<string, string>; end: number } {
  if (line[0] === ',') fail('missing measurement')
  let i = cut(line, 1, ', ')
  if (i < 0) fail('missing fields')
  const name = unescapeName(line.slice(0, i))
  const raw: string[] = []
  const tags = new Map<string, string>()
  while (line[i] === ',') {
    const k = i + 1
    if (k >= line.length || ' ,='.includes(line[k])) fail('missing tag key')
    const e = cut(line, k + 1, ' ,=')
    if (e < 0 || line[e] !== '=') fail('missing tag value')
    raw.push(line.slice(k, e))
    if (e + 1 >= line.length || ' ,'.includes(line[e + 1])) fail('missing tag value')
    i = cut(line, e + 2, ' ,=')
    if (i < 0) fail('missing fields')
    if (line[i] === '=') fail('invalid tag format')
    tags.set(unescapeTag(line.slice(k, e)), unescapeTag(line.slice(e + 1, i)))
  }
  if (new Set(raw).size !== raw.length) fail('duplicate tags')
  if (i > 65535) fail(`max key length exceeded: ${i} > 65535`)
  return { name, tags, end: i }
}

const int64 = (text: string): bigint | null => {
  const v = BigInt(text)
  return v === BigInt.asIntN(64, v) ? v : null
}

/** Judges the value whose text runs to the next ',' or ' '. */
function refPlainValue(v: string): void {
  if (/^[0-9.\-Nn]/.test(v)) {
    if (/^-?[0-9]+i$/.test(v)) {
      const text = v.slice(0, -1)
      if (int64(text) === null)
        fail(`unable to parse integer ${text}: strconv.ParseInt: parsing "${text}": value out of range`)
      return
    }
    if (/^-?([0-9]+\.?[0-9]*|\.[0-9]+)$/.test(v)) {
      if (!Number.isFinite(Number(v))) fail('invalid float')
      return
    }
    if (refLooksScientific(v)) {
      if (!/^-?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]+$/.test(v) || !Number.isFinite(Number(v))) fail('invalid float')
      return
    }
    fail('invalid number')
  }
  if (!/^(t|T|true|True|TRUE|f|F|false|False|FALSE)$/.test(v)) fail('invalid boolean')
}

/** Only digits, one dot, e, E and signs directly behind e or E: wrong floats among these are `invalid float`. */
function refLooksScientific(v: string): boolean {
  let dots = 0
  for (let i = v[0] === '-' ? 1 : 0; i < v.length; i++) {
    const c = v[i]
    if (c === '.') dots++
    else if (c === '+' || c === '-') {
      if (i === 0 || (v[i - 1] !== 'e' && v[i - 1] !== 'E')) return false
    } else if (c === 'e' || c === 'E') {
      if (i === 0) return false
    } else if (c < '0' || c > '9') return false
  }
  return dots <= 1 && /[eE]/.test(v)
}

function refFields(line: string, keyEnd: number): { fields: Map<string, string>; end: number } {
  let i = keyEnd
  while (i < line.length && ' \t\0'.includes(line[i])) i++
  const from = i
  let quoted = false
  let eq = 0
  let commas = 0
  while (i < line.length) {
    const c = line[i]
    if (c === '\\' && i + 1 < line.length) {
      i += 2
      continue
    }
    if (c === '"' && eq > commas) {
      quoted = !quoted
      i++
      continue
    }
    if (c === '=' && !quoted) {
      eq++
      if (' ,'.includes(line[i - 1]) && line[i - 2] !== '\\') fail('missing field key')
      if (i + 1 >= line.length || ' ,'.includes(line[i + 1])) fail('missing field value')
      if (line[i + 1] !== '"') {
        const value = /^[^ ,]*/.exec(line.slice(i + 1))![0]
        refPlainValue(value)
        i += 1 + value.length
        continue
      }
    }
    if (c === ',' && !quoted) commas++
    if (c === ' ' && !quoted) break
    i++
  }
  if (quoted) fail('unbalanced quotes')
  if (eq === 0 || commas !== eq - 1) fail('invalid field format')
  return { fields: refPairs(line.slice(from, i)), end: i }
}

/** Takes a valid field section apart. */
function refPairs(s: string): Map<string, string> {
  const out = new Map<string, string>()
  let i = 0
  while (i < s.length) {
    let e = i
    while (e < s.length && (s[e] !== '=' || (e > i && s[e - 1] === '\\'))) e++
    const key = s.slice(i, e)
    let v = e + 1
    let quoted = false
    while (v < s.length) {
      if (s[v] === '\\' && (s[v + 1] === '"' || s[v + 1] === '\\')) {
        v += 2
        continue
      }
      if (s[v] === '"') quoted = !quoted
      if (s[v] === ',' && !quoted) break
      v++
    }
    const value = s.slice(e + 1, v)
    if (key !== '' && value !== '') out.set(unescapeName(key), refValue(value))
    i = v + 1
  }
  return out
}

function refValue(v: string): string {
  if (v[0] === '"') return `s${unescapeString(v.length < 2 ? '' : v.slice(1, -1))}`
  if (/^[0-9.-]/.test(v)) {
    if (v.endsWith('i')) return `i${BigInt(v.slice(0, -1))}`
    const f = Number(v)
    return `f${Object.is(f, -0) ? '-0' : f}`
  }
  return `b${v[0] === 't' || v[0] === 'T'}`
}

const units: Record<string, bigint> = { u: 1000n, ms: 1000000n, s: 1000000000n, m: 60000000000n, h: 3600000000000n }

function refTime(line: string, from: number, precision: string): bigint | null {
  let i = from
  while (i < line.length && ' \t\0'.includes(line[i])) i++
  const text = /^-?[^ \n]*/.exec(line.slice(i))![0]
  if (text === '') return null
  if (!/^-?[0-9]*$/.test(text)) fail('bad timestamp')
  if (text === '-') fail('strconv.ParseInt: parsing "-": invalid syntax')
  const v = int64(text)
  if (v === null) return fail(`strconv.ParseInt: parsing "${text}": value out of range`)
  const ns = v * (units[precision] ?? 1n)
  const limit = 9223372036854775806n
  if (ns > limit || ns < -limit) fail(`time outside range -${limit} - ${limit}`)
  if (/[^ ]/.test(line.slice(i + text.length))) fail('point is invalid')
  return ns
}

/** All points of a body, or the texts of its errors. */
export function refParse(body: string, precision: string): { points: RefPoint[]; errors: string[] } {
  const points: RefPoint[] = []
  const errors: string[] = []
  for (const line of refLines(body)) {
    try {
      const { name, tags, end } = refKey(line)
      const f = refFields(line, end)
      points.push({ name, tags, fields: f.fields, ns: refTime(line, f.end, precision), line })
    } catch (err) {
      if (!(err instanceof Bad)) throw err
      errors.push(`unable to parse '${line}': ${err.message}`)
    }
  }
  return { points, errors }
}
