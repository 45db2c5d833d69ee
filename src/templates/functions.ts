import { ShardlineError } from '../errors.js'
import { sprint, sprintln } from './print.js'
import { sprintf } from './sprintf.js'
import {
  basicKind,
  GoInt,
  GoList,
  GoMap,
  GoStruct,
  HtmlText,
  intOf,
  isTrue,
  JsText,
  marshal,
  TemplateError,
  type TemplateValue,
  typeName,
} from './values.js'

export interface TemplateFunction {
  /** Parameters before the variadic part. 'string' is checked, 'any' takes everything. */
  readonly params: readonly ('any' | 'string')[]
  readonly variadic: boolean
  call(args: readonly TemplateValue[]): TemplateValue
}

const fixed = (params: TemplateFunction['params'], call: TemplateFunction['call']): TemplateFunction => ({
  params,
  variadic: false,
  call,
})
const variadic = (params: TemplateFunction['params'], call: TemplateFunction['call']): TemplateFunction => ({
  params,
  variadic: true,
  call,
})

export const builtins: Readonly<Record<string, TemplateFunction>> = {
  and: variadic(['any'], (args) => firstOrLast(args, (a) => !isTrue(a))),
  or: variadic(['any'], (args) => firstOrLast(args, isTrue)),
  not: fixed(['any'], ([a]) => !isTrue(a)),
  len: fixed(['any'], ([a]) => lengthOf(a)),
  index: variadic(['any'], ([item, ...keys]) => keys.reduce(indexInto, item)),
  slice: variadic(['any'], ([item, ...bounds]) => sliceOf(item, bounds)),
  print: variadic([], sprint),
  println: variadic([], sprintln),
  printf: variadic(['string'], ([format, ...args]) => sprintf(String(format), args)),
  html: variadic([], (args) => escapeHtml(plainText(args))),
  js: variadic([], (args) => escapeJs(plainText(args))),
  urlquery: variadic([], (args) => queryEscape(plainText(args))),
  call: variadic(['any'], ([f]) => {
    if (f === undefined) throw new TemplateError('call of nil')
    throw new TemplateError(`non-function of type ${typeName(f)}`)
  }),
  eq: variadic(['any'], ([first, ...rest]) => {
    if (rest.length === 0) throw new TemplateError('missing argument for comparison')
    return rest.some((b) => equal(first, b))
  }),
  ne: fixed(['any', 'any'], ([a, b]) => !equal(a, b)),
  lt: fixed(['any', 'any'], ([a, b]) => less(a, b)),
  le: fixed(['any', 'any'], ([a, b]) => less(a, b) || equal(a, b)),
  gt: fixed(['any', 'any'], ([a, b]) => !(less(a, b) || equal(a, b))),
  ge: fixed(['any', 'any'], ([a, b]) => !less(a, b)),
}

/** `json`: the value as JSON with a line end, as a stream encoder writes it. */
export const jsonFunction: TemplateFunction = fixed(['any'], ([v]) => new JsText(jsonLine(v)))

/** The same with a plain string as its result, for text templates. */
export const jsonTextFunction: TemplateFunction = fixed(['any'], ([v]) => jsonLine(v))

/** Nothing for a value that JSON cannot hold. */
function jsonLine(v: TemplateValue): string {
  try {
    return `${marshal(v)}\n`
  } catch (err) {
    if (err instanceof ShardlineError) return ''
    throw err
  }
}

/** `safeHTML`: the text as HTML that is taken as it is where HTML may stand. */
export const safeHtmlFunction: TemplateFunction = variadic(
  [],
  (args) => new HtmlText(sprint(args.filter((a) => a !== undefined))),
)

function firstOrLast(args: readonly TemplateValue[], stop: (v: TemplateValue) => boolean): TemplateValue {
  for (const a of args) if (stop(a)) return a
  return args[args.length - 1]
}

function lengthOf(v: TemplateValue): GoInt {
  if (typeof v === 'string') return GoInt.of(Buffer.byteLength(v))
  if (v instanceof JsText || v instanceof HtmlText) return GoInt.of(Buffer.byteLength(v.text))
  if (v instanceof GoMap) return GoInt.of(v.entries.size)
  if (v instanceof GoList) return GoInt.of(v.items.length)
  if (v === undefined) throw new TemplateError('len of untyped nil')
  throw new TemplateError(`len of type ${typeName(v)}`)
}

function indexInto(item: TemplateValue, key: TemplateValue): TemplateValue {
  if (item === undefined) throw new TemplateError('index of untyped nil')
  if (item instanceof GoMap) {
    if (key === undefined) throw new TemplateError('value is nil; should be of type string')
    if (typeof key !== 'string') throw new TemplateError(`value has type ${typeName(key)}; should be string`)
    const v = item.entries.get(key)
    return v === undefined && item.elem === 'string' ? '' : v
  }
  if (item instanceof GoList || typeof item === 'string') {
    if (key === undefined) throw new TemplateError('cannot index slice/array with nil')
    if (basicKind(key) !== 'int') throw new TemplateError(`cannot index slice/array with type ${typeName(key)}`)
    const n = intOf(key)
    const items = typeof item === 'string' ? Buffer.from(item, 'utf8') : item.items
    if (n < 0n || n > BigInt(items.length)) throw new TemplateError(`index out of range: ${n}`)
    if (n === BigInt(items.length)) {
      throw new TemplateError(`reflect: ${typeof item === 'string' ? 'string' : 'slice'} index out of range`)
    }
    const v = items[Number(n)]
    return typeof item === 'string' ? new GoInt(BigInt(v as number), 'uint8') : (v as TemplateValue)
  }
  throw new TemplateError(`can't index item of type ${typeName(item)}`)
}

function sliceOf(item: TemplateValue, bounds: readonly TemplateValue[]): TemplateValue {
  if (item === undefined) throw new TemplateError('slice of untyped nil')
  if (bounds.length > 3) throw new TemplateError(`too many slice indexes: ${bounds.length}`)
  if (!(item instanceof GoList) && typeof item !== 'string') {
    throw new TemplateError(`can't slice item of type ${typeName(item)}`)
  }
  if (typeof item === 'string' && bounds.length === 3) throw new TemplateError('cannot 3-index slice a string')
  const items = typeof item === 'string' ? Buffer.from(item, 'utf8') : item.items
  const at = [0, items.length]
  bounds.slice(0, 2).forEach((b, i) => {
    if (b === undefined) throw new TemplateError('cannot index slice/array with nil')
    if (basicKind(b) !== 'int') throw new TemplateError(`cannot index slice/array with type ${typeName(b)}`)
    const n = intOf(b)
    if (n < 0n || n > BigInt(items.length)) throw new TemplateError(`index out of range: ${n}`)
    at[i] = Number(n)
  })
  if (at[0] > at[1]) throw new TemplateError(`invalid slice index: ${at[0]} > ${at[1]}`)
  return typeof item === 'string'
    ? (items as Buffer).subarray(at[0], at[1]).toString('utf8')
    : new GoList((item as GoList).typeName, (items as TemplateValue[]).slice(at[0], at[1]))
}

function comparable(v: TemplateValue): void {
  if (v instanceof GoMap || v instanceof GoList) {
    throw new TemplateError(`uncomparable type ${typeName(v)}: ${sprint([v])}`)
  }
}

function equal(a: TemplateValue, b: TemplateValue): boolean {
  comparable(a)
  const kind = basicKind(a)
  if (kind !== basicKind(b)) {
    if (a !== undefined && b !== undefined) throw new TemplateError('incompatible types for comparison')
    return false
  }
  switch (kind) {
    case 'int':
      return intOf(a) === intOf(b)
    case 'string':
      return textOf(a) === textOf(b)
    case 'invalid':
      comparable(b)
      if (a instanceof GoStruct || b instanceof GoStruct || a === undefined || b === undefined) return a === b
      return typeName(a) === typeName(b) && sprint([a]) === sprint([b])
    default:
      return a === b
  }
}

function less(a: TemplateValue, b: TemplateValue): boolean {
  const ka = basicKind(a)
  const kb = basicKind(b)
  if (ka === 'invalid' || kb === 'invalid') throw new TemplateError('invalid type for comparison')
  if (ka !== kb) throw new TemplateError('incompatible types for comparison')
  switch (ka) {
    case 'bool':
      throw new TemplateError('invalid type for comparison')
    case 'int':
      return intOf(a) < intOf(b)
    case 'float':
      return (a as number) < (b as number)
    default:
      return Buffer.compare(Buffer.from(textOf(a)), Buffer.from(textOf(b))) < 0
  }
}

function textOf(v: TemplateValue): string {
  return v instanceof JsText || v instanceof HtmlText ? v.text : (v as string)
}

/** One string as it is, anything else printed. */
export function plainText(args: readonly TemplateValue[]): string {
  return args.length === 1 && typeof args[0] === 'string'
    ? args[0]
    : sprint(args.map((a) => (a === undefined ? '<no value>' : a)))
}

const htmlEntities: Record<string, string> = {
  '"': '&#34;',
  "'": '&#39;',
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '\0': '\ufffd',
}

export function escapeHtml(s: string): string {
  return s.replace(/["'&<>\0]/g, (c) => htmlEntities[c])
}

/** Go's template.JSEscapeString. */
export function escapeJs(s: string): string {
  let out = ''
  for (const c of s) {
    const code = c.codePointAt(0)!
    if (c === '\\' || c === "'" || c === '"') out += `\\${c}`
    else if (c === '<' || c === '>' || c === '&' || c === '=' || code < 0x20) {
      out += `\\u${code.toString(16).toUpperCase().padStart(4, '0')}`
    } else if (code > 0x7f && /[\p{C}\p{Z}]/u.test(c)) out += `\\u${code.toString(16).toUpperCase().padStart(4, '0')}`
    else out += c
  }
  return out
}

/** Go's url.QueryEscape. */
export function queryEscape(s: string): string {
  let out = ''
  for (const b of Buffer.from(s, 'utf8')) {
    const c = String.fromCharCode(b)
    if (/[A-Za-z0-9\-_.~]/.test(c)) out += c
    else if (c === ' ') out += '+'
    else out += `%${b.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return out
}
