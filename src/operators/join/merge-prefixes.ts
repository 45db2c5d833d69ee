/** What join and combine share in their definitions: prefixes of fields, delimiter, tolerance. Thread: any. */
import { Duration } from '../../columns/values.js'
import { ShardlineError } from '../../errors.js'
import type { PipelineNode, PropertyDef } from '../../tickscript/node-def.js'
import { stringsOf } from '../kit/dimensions.js'

export const toleranceProperty: PropertyDef = {
  name: 'tolerance',
  doc: 'Times are rounded to multiples of this before they are compared.',
  form: 'field',
  args: [{ name: 'tolerance', type: 'duration' }],
  default: new Duration(0n),
}

export function delimiterProperty(doc: string): PropertyDef {
  return { name: 'delimiter', doc, form: 'field', args: [{ name: 'delimiter', type: 'string' }], default: '.' }
}

export function namesProperty(name: string, doc: string): PropertyDef {
  return { name, doc, form: 'method', args: [{ name, type: 'string', variadic: true }] }
}

export const prefixProperties: readonly PropertyDef[] = [
  namesProperty('as', 'Prefix of the fields of each input, in order.'),
  delimiterProperty('Stands between prefix and field name.'),
  toleranceProperty,
]

function reject(text: string): never {
  throw new ShardlineError('invalid-node', text)
}

/** `.as()` of join and combine; `inputs` is how many names are wanted, `delimiterText` what the text says of a bad one. */
export function checkPrefixes(node: PipelineNode, inputs: number, wanted: string, delimiterText: string | null): void {
  const kind = node.def.kind
  const names = stringsOf(node.props.as)
  const delimiter = String(node.props.delimiter)
  if (names.length === 0) reject(`a call to ${kind}.as() is required to specify the output stream prefixes.`)
  if (names.length !== inputs) reject(`number of prefixes specified by ${kind}.as() must match the number of ${wanted}`)
  const seen = new Set<string>()
  for (const name of names) {
    if (name === '') reject(`must provide a prefix name for the ${kind} node, see .as() property method`)
    if (delimiterText !== null && name.includes(delimiter)) {
      reject(`cannot use name ${name} as field prefix, it contains the delimiter ${delimiterText}`)
    }
    if (seen.has(name)) reject('cannot use the same prefix name see .as() property method')
    seen.add(name)
  }
}

/** `as` + delimiter of each input. */
export function prefixesOf(node: PipelineNode): readonly string[] {
  return stringsOf(node.props.as).map((name) => name + String(node.props.delimiter))
}
