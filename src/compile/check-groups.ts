/** Slips in groupings that `check` warns of: alert ids that groups share, several tags in one string. Thread: any. */
import { onlyTagsOfId } from '../operators/alert/alert-id.js'
import { stringsOf } from '../operators/kit/dimensions.js'
import type { PipelineNode } from '../tickscript/node-def.js'
import type { Dimensions, RowShapes } from './row-shapes.js'

export interface GroupProblem {
  readonly text: string
  readonly hint: string
  /** The string that it is about. */
  readonly literal: string
  readonly suggestion?: string
}

/** Properties that name tags. */
const tagProps = ['groupBy', 'tags', 'exclude', 'on']
const nodesWithTags = new Set(['from', 'groupBy', 'query', 'queryFlux', 'join', 'flatten'])

/** `groupBy('host, path')` groups by one tag, whose name has a comma. */
export function listsInStrings(node: PipelineNode): GroupProblem[] {
  if (!nodesWithTags.has(node.def.method)) return []
  const names = tagProps.flatMap((prop) => stringsOf(node.props[prop]))
  return names.filter(isList).map((name) => ({
    text: `'${name}' is the name of one tag`,
    hint: 'Each tag is a string of its own.',
    literal: name,
    suggestion: name
      .split(',')
      .map((part) => `'${part.trim()}'`)
      .join(', '),
  }))
}

/** Plain names with commas between them. */
const isList = (name: string): boolean => /^\s*[\p{L}\p{Nd}_.-]+\s*(?:,\s*[\p{L}\p{Nd}_.-]+\s*)+$/u.test(name)

/** The groups of an alert whose id does not tell them apart have one state. */
export function sharedId(node: PipelineNode, shapes: RowShapes): GroupProblem | null {
  const { id } = node.props
  if (node.def.method !== 'alert' || typeof id !== 'string') return null
  const dims = shapes.dimensions(node)
  if (dims === null || dims.length === 0) return null
  const left = leftOut(id, dims)
  if (left.length === 0) return null
  const text = `groups share the alert id '${id}': they have one level and one history`
  const tags = left.map((tag) => `{{ index .Tags "${tag}" }}`).join(' and ')
  const by = dims === '*' ? 'all tags' : dims.join(', ')
  return { text, hint: `Rows are grouped by ${by}: put {{ .Group }} or ${tags} into the id.`, literal: id }
}

/** The tags that an id lacks to tell the groups apart; none where it may do so otherwise. */
function leftOut(template: string, dims: NonNullable<Dimensions>): readonly string[] {
  const tags = onlyTagsOfId(template)
  if (tags === null) return []
  if (dims === '*') return tags.length === 0 ? ['host'] : []
  return dims.filter((dim) => !tags.includes(dim))
}
