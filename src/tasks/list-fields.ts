/** Elements of lists with the fields that a request asks for. Thread: any. */
import { ShardlineError } from '../errors.js'

export type FieldViews<T> = Readonly<Record<string, (shown: T) => unknown>>

/** A map, whose keys are printed sorted; `id` and `link` are always there. None wanted: `defaults`. */
export function chosenFields<T>(
  fields: FieldViews<T>,
  wanted: readonly string[],
  shown: T,
  defaults: readonly string[] = Object.keys(fields),
): Map<string, unknown> {
  const names = wanted.length === 0 ? defaults : [...new Set([...wanted, 'id', 'link'])]
  const out = new Map<string, unknown>()
  for (const name of names) {
    const view = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (view === undefined) throw new ShardlineError('bad-field', `unsupported field ${JSON.stringify(name)}`)
    out.set(name, view(shown))
  }
  return out
}
