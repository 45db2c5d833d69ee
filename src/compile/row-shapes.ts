/**
 * What rows can hold at each node of a pipeline, as far as the script tells: which names, and of which types. For checks only:
 * where data decide, anything is possible. Thread: any.
 */
import { anyCell, cellTypes, type Types, typesOf } from '../lambda/check.js'
import { Type } from '../lambda/types.js'
import { listOf, stringsOf } from '../operators/kit/dimensions.js'
import { Lambda, type MadeType, type NodeEffects, type PipelineNode, Star } from '../tickscript/node-def.js'

const bit = (type: Type): Types => 1 << type
const fixed = {
  int: bit(Type.Int),
  float: bit(Type.Float),
  string: bit(Type.String),
  boolean: bit(Type.Bool),
  any: cellTypes,
} as const

const noEffects: NodeEffects = { reads: [] }

const Tag = { No: 0, Maybe: 1, Yes: 2 } as const
type Tag = (typeof Tag)[keyof typeof Tag]

/** The tags that rows are grouped by; null when that is not known. */
export type Dimensions = readonly string[] | '*' | null

export class RowShapes {
  private readonly effects = new Map<PipelineNode, NodeEffects>()
  private readonly fields = new Map<PipelineNode, Map<string, Types>>()
  private readonly tags = new Map<PipelineNode, Map<string, Tag>>()
  /** By eval node and number of the expression. */
  private readonly results = new Map<PipelineNode, Map<number, Types>>()

  /** `unclear`: nodes with errors, behind which anything is possible. */
  constructor(private readonly unclear: ReadonlySet<PipelineNode>) {}

  /** Types of the cell that a name stands for in an expression of the node; 0 when no row has it. */
  cell(node: PipelineNode, name: string): Types {
    if (name === 'time') return bit(Type.Time)
    const field = this.fieldIn(node, name)
    const tag = this.tagIn(node, name)
    if (field === 0 && tag === Tag.No) return 0
    // A name that is both cannot be read at all: what is known of one speaks against the other.
    const isTag = tag === Tag.Yes || field === 0
    const isField = tag !== Tag.Yes || field !== cellTypes
    return (isField ? field : 0) | (isTag ? bit(Type.String) : 0) | bit(Type.Missing)
  }

  /** Types of a field of the rows that the node receives; 0 when no row has it. */
  fieldIn(node: PipelineNode, name: string): Types {
    return this.union(node, (parent) => this.field(parent, name))
  }

  /** The name is no field, and a tag only if there is one of which the script tells nothing. */
  isDoubtful(node: PipelineNode, name: string, index: number): boolean {
    if (this.fieldIn(node, name) !== 0 || this.tagIn(node, name) !== Tag.Maybe) return false
    return !stringsOf(node.props.as).slice(0, index).includes(name)
  }

  /** Types of a name in the expression number `index` of an eval, which sees the results before it. */
  evalCell(node: PipelineNode, name: string, index: number): Types {
    const { lambdas, as } = node.props
    let types = this.cell(node, name)
    for (let i = 0; i < index; i++) {
      const lambda = Array.isArray(lambdas) ? lambdas[i] : undefined
      if (Array.isArray(as) && as[i] === name && lambda instanceof Lambda) types |= this.result(node, lambda, i)
    }
    return types
  }

  /** The grouping of the rows that a node receives. */
  dimensions(node: PipelineNode): Dimensions {
    const from = node.observed === null ? node.parents : [node.observed]
    if (from.some((parent) => this.unclear.has(parent))) return null
    const [first] = from
    if (first === undefined) return node.def.method === 'stream' ? [] : null
    return this.dimensionsBehind(first)
  }

  private dimensionsBehind(node: PipelineNode): Dimensions {
    if (node.def.method !== 'query') return this.effectsOf(node).grouping?.dims ?? this.dimensions(node)
    const dims = listOf(node.props.groupBy)
    const names = stringsOf(node.props.groupBy)
    // Without any, the text of the query may have its own.
    return dims.some((d) => d instanceof Star) ? '*' : names.length === 0 ? null : names
  }

  /** Types of a field of the rows that the node sends out. */
  private field(node: PipelineNode, name: string): Types {
    return remembered(this.fields, node, name, () => this.fieldOf(node, name))
  }

  private fieldOf(node: PipelineNode, name: string): Types {
    if (this.unclear.has(node) || (node.parents.length === 0 && node.observed === null)) return cellTypes
    const e = this.effectsOf(node)
    if (e.namesFromData === true) return cellTypes
    let types: Types = 0
    for (const [made, type] of e.makesFields ?? []) if (made === name) types |= this.madeTypes(node, type)
    if (e.removes?.fields.includes(name) === true) return types
    if (e.keepsFields !== undefined && !e.keepsFields.includes(name)) return types
    node.parents.forEach((parent, port) => {
      for (const source of e.fieldsFrom?.(port, name) ?? [name]) types |= this.field(parent, source)
    })
    // What takes the place of a row that is not there may have any type.
    return e.fieldsFrom !== undefined && types !== 0 ? cellTypes : types
  }

  private madeTypes(node: PipelineNode, type: MadeType): Types {
    if (typeof type === 'string') return fixed[type]
    if (type instanceof Lambda) return this.result(node, type, Number.POSITIVE_INFINITY)
    const like = this.union(node, (parent) => this.field(parent, type.like))
    return (like === 0 ? cellTypes : like) | (type.or === undefined ? 0 : fixed[type.or])
  }

  /** Types of the result of an expression of an eval. */
  private result(node: PipelineNode, lambda: Lambda, before: number): Types {
    const { lambdas } = node.props
    const at = Array.isArray(lambdas) ? lambdas.indexOf(lambda) : -1
    const index = Math.min(before, at < 0 ? 0 : at)
    return remembered(this.results, node, index, () => {
      const types = typesOf(lambda.expression, (name) => this.evalCell(node, name, index) || anyCell) & cellTypes
      return types === 0 ? cellTypes : types
    })
  }

  private tagIn(node: PipelineNode, name: string): Tag {
    if (node.parents.length === 0) return node.observed === null ? Tag.Maybe : Tag.No
    // The condition of a from sees the rows that the same node groups.
    const own = node.def.method === 'from' ? this.effectsOf(node).grouping?.dims : undefined
    if (Array.isArray(own) && own.includes(name)) return Tag.Yes
    return Math.max(this.dimension(node, name), ...node.parents.map((parent) => this.tag(parent, name))) as Tag
  }

  /** Whether rows that the node sends out can have the tag. */
  private tag(node: PipelineNode, name: string): Tag {
    return remembered(this.tags, node, name, () => this.tagOf(node, name))
  }

  private tagOf(node: PipelineNode, name: string): Tag {
    if (this.unclear.has(node)) return Tag.Maybe
    if (node.parents.length === 0) return node.observed === null ? Tag.Maybe : this.dimension(node, name)
    const e = this.effectsOf(node)
    if (e.removes?.tags.includes(name) === true) return Tag.No
    if (e.writesTags?.includes(name) === true) return Tag.Yes
    if (e.groupTagsOnly === true) return this.dimension(node, name)
    return Math.max(...node.parents.map((parent) => this.tag(parent, name))) as Tag
  }

  /** Whether the rows that a node receives are grouped by the tag. */
  private dimension(node: PipelineNode, name: string): Tag {
    const dims = this.dimensions(node)
    if (dims === null || dims === '*') return Tag.Maybe
    return dims.includes(name) ? Tag.Yes : Tag.No
  }

  private union(node: PipelineNode, types: (parent: PipelineNode) => Types): Types {
    if (node.parents.length === 0) return node.observed === null ? cellTypes : 0
    return node.parents.reduce((all, parent) => all | types(parent), 0)
  }

  private effectsOf(node: PipelineNode): NodeEffects {
    const known = this.effects.get(node)
    if (known !== undefined) return known
    const e = node.def.effects?.(node) ?? noEffects
    this.effects.set(node, e)
    return e
  }
}

function remembered<K, V>(all: Map<PipelineNode, Map<K, V>>, node: PipelineNode, key: K, find: () => V): V {
  let known = all.get(node)
  if (known === undefined) {
    known = new Map()
    all.set(node, known)
  }
  const old = known.get(key)
  if (old !== undefined) return old
  const value = find()
  known.set(key, value)
  return value
}
