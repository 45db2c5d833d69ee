/** The options of a handler spec, checked against the definition of its kind (spec alerts 11.2). Thread: any. */
import { ShardlineError } from '../errors.js'
import type { HandlerDef } from './handler.js'
import { optionValues } from './script-methods.js'

/** `chat-id` for `chatId`. */
const kebab = (name: string): string => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)

/** The name of an option in specs; null: specs do not have it. */
export function specName(def: HandlerDef, name: string): string | null {
  const { spec } = def.options[name].names
  return spec === undefined ? kebab(name) : spec
}

/** The options as `create` of the kind takes them. Throws 500 with all faults. */
export function decodeOptions(def: HandlerDef, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const byName = new Map<string, string>()
  for (const name of Object.keys(def.options)) {
    const spec = specName(def, name)
    if (spec !== null) byName.set(spec, name)
  }
  const bySpelling = new Map([...byName].map(([spec, name]) => [spec.toLowerCase(), [spec, name] as const]))
  const faults: string[] = []
  const unused: string[] = []
  const values: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(given)) {
    const [spec, name] = bySpelling.get(key.toLowerCase()) ?? []
    if (spec === undefined || name === undefined) unused.push(key)
    else if (value !== null && value !== undefined) values[name] = def.options[name].decode(spec, value, faults)
  }
  if (unused.length > 0 && def.takesAnyOptions !== true) faults.push(`'' has invalid keys: ${unused.sort().join(', ')}`)
  if (faults.length === 0) return optionValues(def, values)
  const lines = faults.map((f) => `* ${f}`).sort()
  throw new ShardlineError(
    'bad-handler-options',
    `failed to decode options into ${def.goType}: ${lines.length} error(s) decoding:\n\n${lines.join('\n')}`,
  )
}
