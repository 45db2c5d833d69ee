/**
 * Options of handler specs, decoded as strictly as the original does: unknown keys and values of another type are errors, names
 * are case-insensitive, nothing is converted but floats to integers (spec alerts 11.2). One entry per kind. Any thread.
 */

import type { HandlerOptions } from '../alerts/handler-spec.js'
import { Duration } from '../columns/values.js'
import { ShardlineError } from '../errors.js'
import type { ScriptValue } from '../tickscript/node-def.js'
import type { HandlerProps } from './handler.js'

type OptionType = 'string' | 'mode' | 'duration' | 'bool' | 'list' | 'map'

interface OptionDef {
  /** As the original names it. */
  readonly name: string
  readonly type: OptionType
  /** Name of the property that the handler's kind reads. */
  readonly prop: string
}

interface KindOptions {
  /** Type in error texts. */
  readonly goType: string
  readonly options: readonly OptionDef[]
}

const option = (name: string, type: OptionType, prop = name): OptionDef => ({ name, type, prop })

const kinds: Readonly<Record<string, KindOptions>> = {
  log: { goType: '*alert.LogHandlerConfig', options: [option('path', 'string'), option('mode', 'mode')] },
  exec: { goType: '*alert.ExecHandlerConfig', options: [option('prog', 'string', 'program'), option('args', 'list')] },
  tcp: { goType: '*alert.TCPHandlerConfig', options: [option('address', 'string')] },
  post: {
    goType: '*httppost.HandlerConfig',
    options: [
      option('url', 'string'),
      option('endpoint', 'string'),
      option('headers', 'map', 'header'),
      option('capture-response', 'bool', 'captureResponse'),
      option('timeout', 'duration'),
      option('skip-ssl-verification', 'bool', 'insecureSkipVerify'),
    ],
  },
  slack: {
    goType: '*slack.HandlerConfig',
    options: [
      option('workspace', 'string'),
      option('channel', 'string'),
      option('username', 'string'),
      option('icon-emoji', 'string', 'iconEmoji'),
    ],
  },
  publish: { goType: '*alert.PublishHandlerConfig', options: [option('topics', 'list')] },
  aggregate: {
    goType: '*alert.AggregateHandlerConfig',
    options: [
      option('id', 'string'),
      option('interval', 'duration'),
      option('topic', 'string'),
      option('message', 'string'),
    ],
  },
}

/** Whether a spec of the kind can be made. */
export const hasOptions = (kind: string): boolean => Object.hasOwn(kinds, kind)

/** The options as properties of the kind's handler. Throws 500 with all faults. */
export function decodeOptions(kind: string, given: HandlerOptions): HandlerProps {
  const { goType, options } = kinds[kind]!
  const faults: string[] = []
  const unused: string[] = []
  const props: Record<string, ScriptValue> = {}
  for (const [key, value] of Object.entries(given)) {
    const def = options.find((o) => o.name === key) ?? options.find((o) => o.name.toLowerCase() === key.toLowerCase())
    if (def === undefined) unused.push(key)
    else if (value !== null && value !== undefined) {
      const decoded = decodeValue(def, value, faults)
      if (decoded !== undefined) props[def.prop] = decoded
    }
  }
  if (unused.length > 0) faults.push(`'' has invalid keys: ${unused.sort().join(', ')}`)
  if (faults.length === 0) return props
  const lines = faults.map((f) => `* ${f}`).sort()
  throw new ShardlineError(
    'bad-handler-options',
    `failed to decode options into ${goType}: ${lines.length} error(s) decoding:\n\n${lines.join('\n')}`,
    500,
  )
}

/** undefined: a fault was added. */
function decodeValue({ name, type }: OptionDef, value: unknown, faults: string[]): ScriptValue | undefined {
  const fits = (ok: boolean, goType: string): boolean => {
    if (!ok) faults.push(`'${name}' expected type '${goType}', got unconvertible type '${goTypeOf(value)}'`)
    return ok
  }
  switch (type) {
    case 'string':
      return fits(typeof value === 'string', 'string') ? (value as string) : undefined
    case 'bool':
      return fits(typeof value === 'boolean', 'bool') ? (value as boolean) : undefined
    case 'mode': {
      if (!fits(isNumber(value), 'os.FileMode')) return undefined
      const mode = integerOf(value as number | bigint)
      if (mode >= 0n) return mode
      faults.push(`cannot parse '${name}', ${mode} overflows uint`)
      return undefined
    }
    case 'duration':
      return fits(isNumber(value), 'time.Duration') ? new Duration(integerOf(value as number | bigint)) : undefined
    case 'list':
      return listOf(name, value, faults)
    case 'map':
      return pairsOf(name, value, faults)
  }
}

function listOf(name: string, value: unknown, faults: string[]): string[] | undefined {
  if (!Array.isArray(value)) {
    faults.push(`'${name}': source data must be an array or slice, got ${goKindOf(value)}`)
    return undefined
  }
  return texts(
    value.map((item, i): [string, unknown] => [`${name}[${i}]`, item]),
    faults,
  )
}

function pairsOf(name: string, value: unknown, faults: string[]): string[][] | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    faults.push(`'${name}' expected a map, got '${goKindOf(value)}'`)
    return undefined
  }
  const entries = Object.entries(value)
  const values = texts(
    entries.map(([key, item]): [string, unknown] => [`${name}[${key}]`, item]),
    faults,
  )
  return values?.map((v, i) => [entries[i]![0], v])
}

function texts(items: readonly [string, unknown][], faults: string[]): string[] | undefined {
  const before = faults.length
  const out: string[] = []
  for (const [name, item] of items) {
    if (typeof item === 'string') out.push(item)
    else if (item === null) out.push('')
    else faults.push(`'${name}' expected type 'string', got unconvertible type '${goTypeOf(item)}'`)
  }
  return faults.length === before ? out : undefined
}

const isNumber = (v: unknown): boolean => typeof v === 'bigint' || typeof v === 'number'

function integerOf(v: number | bigint): bigint {
  return typeof v === 'bigint' ? BigInt.asIntN(64, v) : BigInt(Math.trunc(v))
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
