/**
 * What the id template of an alert node says of an event's group. Groups whose ids are equal share their stored level, so they
 * must meet on one shard. Thread: any.
 */

import { ShardlineError } from '../../errors.js'
import { builtins } from '../../templates/functions.js'
import type { CommandNode, Operand, Statement } from '../../templates/nodes.js'
import { parseTemplate } from '../../templates/parser.js'

/** A piece of the printed id: fixed text, the group, the value of a tag, or something that is not known beforehand. */
type Part = { readonly kind: 'text' | 'group' | 'other' } | { readonly kind: 'tag'; readonly name: string }

const text: Part = { kind: 'text' }
const group: Part = { kind: 'group' }
const other: Part = { kind: 'other' }

/**
 * The tags whose values two events with equal ids have in common; null: the whole group. A value counts that is printed as it is
 * and apart from other values: `{{ .Tags.a }}{{ .Tags.b }}` does not tell 1 and 23 from 12 and 3.
 */
export function tagsOfId(template: string): readonly string[] | null {
  const parts = partsOf(template)
  const apart = parts.filter((_, i) => isText(parts[i - 1]) && isText(parts[i + 1]))
  if (apart.some((p) => p.kind === 'group')) return null
  return [...new Set(apart.flatMap((p) => (p.kind === 'tag' ? [p.name] : [])))].sort()
}

/** The tags that an id prints; null where it may tell groups apart by more than these. */
export function onlyTagsOfId(template: string): readonly string[] | null {
  const parts = partsOf(template)
  if (parts.some((p) => p.kind === 'group' || p.kind === 'other')) return null
  return parts.flatMap((p) => (p.kind === 'tag' ? [p.name] : []))
}

const isText = (part: Part | undefined): boolean => part === undefined || part.kind === 'text'

function partsOf(template: string): Part[] {
  try {
    const root = parseTemplate('id', template, (name) => Object.hasOwn(builtins, name)).get('id')?.root
    return root?.nodes.flatMap(partOf) ?? []
  } catch (err) {
    // The node's own check says what is wrong.
    if (err instanceof ShardlineError) return [other]
    throw err
  }
}

function partOf(statement: Statement): Part[] {
  if (statement.type === 'text') return statement.text === '' ? [] : [text]
  if (statement.type !== 'action') return [other]
  const { decls, commands } = statement.pipe
  if (decls.length > 0) return []
  return [commands.length === 1 ? printed(commands[0]) : other]
}

function printed({ args }: CommandNode): Part {
  const [first, ...rest] = args
  if (rest.length === 0) return valueAt(pathOf(first))
  const [map, key] = rest
  const isIndex = first.type === 'identifier' && first.name === 'index' && rest.length === 2
  return isIndex && key.type === 'string' ? valueAt([...pathOf(map), key.value]) : other
}

/** Names behind the dot or `$`; empty for anything else. */
function pathOf(operand: Operand): readonly string[] {
  if (operand.type === 'field') return operand.names
  return operand.type === 'variable' && operand.names[0] === '$' ? operand.names.slice(1) : []
}

function valueAt([name, ...rest]: readonly string[]): Part {
  if (name === 'Group' && rest.length === 0) return group
  if (name === 'Tags' && rest.length === 1) return { kind: 'tag', name: rest[0] }
  // The same for all events that can be compared, or nearly so.
  return name === 'Name' || name === 'TaskName' || name === 'ServerInfo' || name === 'Vars' ? text : other
}
