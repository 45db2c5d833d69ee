/**
 * How one configuration option describes itself: type, default, documentation. The table made of these (options.ts) drives
 * parsing, environment overrides, the printed default and the reference page. Thread: main, and the command line.
 */

import { errorText } from '../errors.js'
import { durationMs } from '../go/durations.js'

export type OptionType =
  | 'string'
  | 'bool'
  | 'int'
  | 'float'
  | 'duration'
  | 'bytes'
  | 'choice'
  | 'strings'
  | 'stringLists'
  | 'stringMap'

export interface Option<T> {
  readonly type: OptionType
  /** As it stands in the file: durations and sizes are text. */
  readonly default: unknown
  readonly doc: string
  readonly choices?: readonly string[]
  /** Carries T for Values<>. */
  readonly value?: T
}

export type Options = Readonly<Record<string, Option<unknown>>>

/** The parsed form of a section: durations in milliseconds, sizes in bytes. */
export type Values<O extends Options> = { readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never }

export interface Section<O extends Options = Options> {
  readonly doc: string
  readonly options: O
  /** `[[name]]`. */
  readonly list?: boolean
}

export const text = (value: string, doc: string): Option<string> => ({ type: 'string', default: value, doc })
export const flag = (value: boolean, doc: string): Option<boolean> => ({ type: 'bool', default: value, doc })
export const integer = (value: number, doc: string): Option<number> => ({ type: 'int', default: value, doc })
export const float = (value: number, doc: string): Option<number> => ({ type: 'float', default: value, doc })
/** Milliseconds. */
export const duration = (value: string, doc: string): Option<number> => ({ type: 'duration', default: value, doc })
export const bytes = (value: string, doc: string): Option<number> => ({ type: 'bytes', default: value, doc })
export const strings = (value: string[], doc: string): Option<readonly string[]> => ({
  type: 'strings',
  default: value,
  doc,
})
export const stringLists = (
  value: Record<string, string[]>,
  doc: string,
): Option<Readonly<Record<string, readonly string[]>>> => ({ type: 'stringLists', default: value, doc })
export const stringMap = (value: Record<string, string>, doc: string): Option<Readonly<Record<string, string>>> => ({
  type: 'stringMap',
  default: value,
  doc,
})
export const choice = <C extends string>(choices: readonly C[], value: C, doc: string): Option<C> => ({
  type: 'choice',
  default: value,
  doc,
  choices,
})

const sizes: ReadonlyMap<string, number> = new Map(
  Object.entries({
    '': 1,
    b: 1,
    k: 1024,
    kb: 1024,
    m: 1 << 20,
    mb: 1 << 20,
    g: 1 << 30,
    gb: 1 << 30,
  }),
)

/** `64mb`, `1g`, `4096`: powers of 1024. */
export function parseBytes(value: string): number {
  const m = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(value.trim().toLowerCase())
  const unit = m === null ? undefined : sizes.get(m[2])
  if (m === null || unit === undefined)
    throw new Error(`invalid size ${JSON.stringify(value)}, want for example "64mb"`)
  return Math.floor(Number(m[1]) * unit)
}

const isTable = (v: unknown): v is object => typeof v === 'object' && v !== null && !Array.isArray(v)
const isStringArray = (v: unknown): v is string[] => Array.isArray(v) && v.every((x) => typeof x === 'string')

/** The value of `option` from a file (TOML types). Throws an Error that names what is wanted. */
export function readOption(option: Option<unknown>, raw: unknown): unknown {
  switch (option.type) {
    case 'string':
      if (typeof raw === 'string') return raw
      throw new Error('want a string')
    case 'bool':
      if (typeof raw === 'boolean') return raw
      throw new Error('want true or false')
    case 'int':
      if (typeof raw === 'number' && Number.isInteger(raw)) return raw
      throw new Error('want an integer')
    case 'float':
      if (typeof raw === 'number') return raw
      throw new Error('want a number')
    case 'duration':
      // The packaged file of the original has `timeout = 0`.
      if (raw === 0 || raw === '') return 0
      if (typeof raw === 'string') return durationMs(raw)
      throw new Error('want a duration such as "10s"')
    case 'bytes':
      if (typeof raw === 'number' && Number.isInteger(raw) && raw >= 0) return raw
      if (typeof raw === 'string') return parseBytes(raw)
      throw new Error('want a size such as "64mb"')
    case 'choice':
      if (typeof raw === 'string' && option.choices!.includes(raw)) return raw
      throw new Error(`want one of ${option.choices!.map((c) => JSON.stringify(c)).join(', ')}`)
    case 'strings':
      if (isStringArray(raw)) return raw
      throw new Error('want a list of strings')
    case 'stringLists':
      if (isTable(raw) && Object.values(raw).every(isStringArray)) return raw
      throw new Error('want a table of lists of strings')
    case 'stringMap':
      if (isTable(raw) && Object.values(raw).every((v) => typeof v === 'string')) return raw
      throw new Error('want a table of strings')
  }
}

const goBools: Record<string, boolean> = {}
for (const t of ['1', 't', 'T', 'TRUE', 'true', 'True']) goBools[t] = true
for (const f of ['0', 'f', 'F', 'FALSE', 'false', 'False']) goBools[f] = false

/** strconv.ParseBool; undefined for anything else. */
export function parseGoBool(value: string): boolean | undefined {
  return Object.hasOwn(goBools, value) ? goBools[value] : undefined
}

const goTypes: Partial<Record<OptionType, string>> = { bool: 'bool', int: 'int', float: 'float64' }

/** The value of `option` from an environment variable. `field` is the option's name in Go form, for the error text. */
export function readEnvironment(option: Option<unknown>, raw: string, variable: string, field: string): unknown {
  const refuse = (): never => {
    const type = goTypes[option.type] ?? 'string'
    throw new Error(`failed to apply ${variable} to ${field} using type ${type} and value '${raw}'`)
  }
  switch (option.type) {
    case 'bool':
      return parseGoBool(raw) ?? refuse()
    case 'int': {
      const sign = raw.startsWith('-') ? -1 : 1
      const digits = raw.replace(/^[-+]/, '')
      return /^(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)$/i.test(digits)
        ? sign * (/^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits))
        : refuse()
    }
    case 'float':
      return Number.isFinite(Number(raw)) ? Number(raw) : refuse()
    case 'duration':
      try {
        return durationMs(raw)
      } catch (err) {
        throw new Error(`failed to unmarshal env var: ${errorText(err)}`)
      }
    case 'strings':
    case 'stringLists':
    case 'stringMap':
      return refuse()
    default:
      try {
        return readOption(option, raw)
      } catch (err) {
        throw new Error(`failed to apply ${variable} to ${field}: ${errorText(err)}`)
      }
  }
}
