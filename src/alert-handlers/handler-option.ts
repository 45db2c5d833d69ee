/**
 * How one option of an alert handler describes itself. From the description come the property of TICKscript (`.iconEmoji(':x:')`),
 * the option of handler specs (`icon-emoji: ':x:'`), the type of the value that the handler gets, and the reference.
 *
 * Specs are decoded as strictly as the original does it: names are case-insensitive, nothing is converted but floats to
 * integers (spec alerts 11.2). Numbers of specs are bigint (integers) or number. Thread: any.
 */
import { Duration } from '../columns/values.js'
import type { ArgDef, PropertyDef, ScriptValue } from '../tickscript/node-def.js'

export interface HandlerOption<T> {
  readonly doc: string
  /** Where neither a script nor a spec says anything. */
  readonly initial: T
  readonly names: OptionNames
  readonly script: ScriptForm
  /** The value of a spec, or undefined with a fault added. `name` is that of the spec. */
  decode(name: string, value: unknown, faults: string[]): T | undefined
}

export interface OptionNames {
  /**
   * How scripts give it: `property` (default) of the chain; `argument` of the method, in the order of the options, a list takes
   * the rest; `both`; or not at all.
   */
  readonly script?: 'property' | 'argument' | 'both' | 'none'
  /** In specs, default: the option's own in kebab case. null: scripts only. */
  readonly spec?: string | null
}

interface ScriptForm {
  readonly form: PropertyDef['form']
  args(name: string): readonly ArgDef[]
  /** The value after another call of the property; default: the arguments of the call as a list. */
  next?(old: ScriptValue | null | undefined, args: ScriptValue[]): ScriptValue
}

// biome-ignore lint/suspicious/noExplicitAny: any value type; what a handler gets is typed by OptionValues
export type HandlerOptions = Readonly<Record<string, HandlerOption<any>>>

export type OptionValues<O extends HandlerOptions> = {
  readonly [K in keyof O]: O[K] extends HandlerOption<infer T> ? T : never
}

const field = (type: ArgDef['type']): ScriptForm => ({ form: 'field', args: (name) => [{ name, type }] })

function decodesAs<T>(is: (v: unknown) => v is T, goType: string): HandlerOption<T>['decode'] {
  return (name, value, faults) => {
    if (is(value)) return value
    faults.push(`'${name}' expected type '${goType}', got unconvertible type '${goTypeOf(value)}'`)
    return undefined
  }
}

const isString = (v: unknown): v is string => typeof v === 'string'
const isBoolean = (v: unknown): v is boolean => typeof v === 'boolean'
const isNumber = (v: unknown): v is bigint | number => typeof v === 'bigint' || typeof v === 'number'

export function text(doc: string, names: OptionNames = {}): HandlerOption<string> {
  return { doc, names, initial: '', script: field('string'), decode: decodesAs(isString, 'string') }
}

/** Set by naming it. */
export function flag(doc: string, names: OptionNames = {}): HandlerOption<boolean> {
  const script: ScriptForm = { form: 'flag', args: () => [] }
  return { doc, names, initial: false, script, decode: decodesAs(isBoolean, 'bool') }
}

export function bool(doc: string, names: OptionNames = {}): HandlerOption<boolean> {
  return { doc, names, initial: false, script: field('bool'), decode: decodesAs(isBoolean, 'bool') }
}

export function integer(doc: string, initial: bigint, names: OptionNames = {}): HandlerOption<bigint> {
  const number = decodesAs(isNumber, 'int64')
  const decode: HandlerOption<bigint>['decode'] = (name, value, faults) => integerOf(number(name, value, faults))
  return { doc, names, initial, script: field('int'), decode }
}

/** Permissions of a file. */
export function fileMode(doc: string, initial: bigint, names: OptionNames = {}): HandlerOption<bigint> {
  const number = decodesAs(isNumber, 'os.FileMode')
  const decode: HandlerOption<bigint>['decode'] = (name, value, faults) => {
    const mode = integerOf(number(name, value, faults))
    if (mode === undefined || mode >= 0n) return mode
    faults.push(`cannot parse '${name}', ${mode} overflows uint`)
    return undefined
  }
  return { doc, names, initial, script: field('int'), decode }
}

/** In specs an integer of ns. */
export function duration(doc: string, names: OptionNames = {}): HandlerOption<Duration> {
  const number = decodesAs(isNumber, 'time.Duration')
  const decode: HandlerOption<Duration>['decode'] = (name, value, faults) => {
    const ns = integerOf(number(name, value, faults))
    return ns === undefined ? undefined : new Duration(ns)
  }
  return { doc, names, initial: new Duration(0n), script: field('duration'), decode }
}

/** A call replaces the list. */
export function list(doc: string, names: OptionNames = {}): HandlerOption<readonly string[]> {
  const script: ScriptForm = {
    form: 'method',
    args: (name) => [{ name, type: 'string', variadic: true }],
    next: (_old, args) => args.flat(),
  }
  const decode: HandlerOption<readonly string[]>['decode'] = (name, value, faults) => {
    const items = arrayOf(name, value, faults)
    return items && texts(indexed(name, items), faults)
  }
  return { doc, names, initial: [], script, decode }
}

/** A call appends a row of these texts; in specs a list of objects. The last member may be left out. */
export function rows(
  doc: string,
  members: readonly string[],
  names: OptionNames = {},
): HandlerOption<readonly string[][]> {
  const decode: HandlerOption<readonly string[][]>['decode'] = (name, value, faults) => {
    const before = faults.length
    const out = arrayOf(name, value, faults)?.map((item, i) => memberTexts(`${name}[${i}]`, item, members, faults))
    return faults.length === before ? out : undefined
  }
  return { doc, names, initial: [], script: appending(members), decode }
}

/** A call appends a key and its value; in specs an object. */
export function pairs(doc: string, names: OptionNames = {}): HandlerOption<readonly string[][]> {
  const decode: HandlerOption<readonly string[][]>['decode'] = (name, value, faults) => {
    const entries = entriesOf(name, value, faults)
    const named = entries?.map(([key, item]): [string, unknown] => [`${name}[${key}]`, item])
    return named && texts(named, faults)?.map((v, i) => [entries?.[i]?.[0] ?? '', v])
  }
  return { doc, names, initial: [], script: appending(['key', 'value']), decode }
}

/** The same with values of any type. */
export function anyPairs(doc: string, names: OptionNames = {}): HandlerOption<readonly (readonly [string, unknown])[]> {
  const script: ScriptForm = {
    ...appending(['key', 'value']),
    args: () => [
      { name: 'key', type: 'string' },
      { name: 'value', type: 'any' },
    ],
  }
  return { doc, names, initial: [], script, decode: (name, value, faults) => entriesOf(name, value, faults) }
}

function appending(members: readonly string[]): ScriptForm {
  return {
    form: 'method',
    args: () => members.map((name) => ({ name, type: 'string' })),
    next: (old, args) => [...(Array.isArray(old) ? old : []), args.flat()],
  }
}

function integerOf(v: number | bigint | undefined): bigint | undefined {
  return v === undefined ? undefined : BigInt.asIntN(64, typeof v === 'bigint' ? v : BigInt(Math.trunc(v)))
}

function arrayOf(name: string, value: unknown, faults: string[]): unknown[] | undefined {
  if (Array.isArray(value)) return value
  faults.push(`'${name}': source data must be an array or slice, got ${goKindOf(value)}`)
  return undefined
}

function entriesOf(name: string, value: unknown, faults: string[]): [string, unknown][] | undefined {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value)
  faults.push(`'${name}' expected a map, got '${goKindOf(value)}'`)
  return undefined
}

const indexed = (name: string, items: readonly unknown[]): [string, unknown][] =>
  items.map((item, i) => [`${name}[${i}]`, item])

/** null counts as ''. */
function texts(items: readonly [string, unknown][], faults: string[]): string[] | undefined {
  const before = faults.length
  const out = items.map(([name, item]) => (item === null ? '' : text('').decode(name, item, faults)) ?? '')
  return faults.length === before ? out : undefined
}

function memberTexts(name: string, item: unknown, members: readonly string[], faults: string[]): string[] {
  const entries = entriesOf(name, item, faults) ?? []
  const given = new Map(entries.map(([key, value]) => [key.toLowerCase(), value]))
  const unused = entries.map(([key]) => key).filter((key) => !members.includes(key.toLowerCase()))
  if (unused.length > 0) faults.push(`'${name}' has invalid keys: ${unused.sort().join(', ')}`)
  const found = members.map((m): [string, unknown] => [`${name}.${m}`, given.get(m) ?? null])
  return texts(found, faults) ?? []
}

function goTypeOf(v: unknown): string {
  if (Array.isArray(v)) return '[]interface {}'
  return typeof v === 'object' ? 'map[string]interface {}' : goKindOf(v)
}

function goKindOf(v: unknown): string {
  if (Array.isArray(v)) return 'slice'
  if (typeof v === 'boolean') return 'bool'
  if (typeof v === 'object') return 'map'
  return typeof v === 'string' ? 'string' : 'float64'
}
