/** Builds the node graph while a script runs: ids, links, edge types and, at the end, the walk order. Thread: any. */
import { ShardlineError } from '../errors.js'
import {
  type EdgeType,
  type NodeDef,
  type Pipeline,
  PipelineNode,
  type PlainValue,
  type PropertyDef,
  type ScriptValue,
} from './node-def.js'

/** Whoever walks the pipeline may recurse over it. */
const maxNodes = 2000

const noopDef: NodeDef = {
  method: 'noop',
  kind: 'noop',
  goType: 'NoOpNode',
  doc: 'Takes the rows of a watched node that nothing else reads.',
  accepts: 'any',
  emits: 'same',
  args: [],
  properties: [],
  effects: () => ({ reads: [] }),
}

export class PipelineBuilder {
  private readonly sources: PipelineNode[] = []
  private nextId = 0

  constructor(private readonly noop: NodeDef = noopDef) {}

  source(def: NodeDef, edge: EdgeType): PipelineNode {
    const node = newNode(def)
    this.takeId(node)
    node.edge = edge
    this.sources.push(node)
    return node
  }

  /** A source that watches `observed`, which gets a child if it has none. */
  observer(def: NodeDef, observed: PipelineNode): PipelineNode {
    const node = this.source(def, 'stream')
    node.observed = observed
    if (observed.children.length === 0) {
      const child = newNode(this.noop)
      this.link(observed, child)
      child.edge = observed.edge
    }
    return node
  }

  /** Each link takes an id; the child keeps the last. */
  link(parent: PipelineNode, child: PipelineNode): void {
    this.takeId(child)
    parent.children.push(child)
    child.parents.push(parent)
  }

  build(type: 'stream' | 'batch', vars: ReadonlyMap<string, PlainValue>): Pipeline {
    const nodes = walk(this.sources)
    for (const node of nodes) node.vars = vars
    return { type, sources: this.sources, nodes }
  }

  private takeId(node: PipelineNode): void {
    if (this.nextId >= maxNodes) {
      throw new ShardlineError('tickscript', `task has more than ${maxNodes} nodes`)
    }
    node.id = this.nextId++
  }
}

export function newNode(def: NodeDef): PipelineNode {
  const node = new PipelineNode(def)
  fillDefaults(node.props, def.properties)
  return node
}

export function fillDefaults(
  props: Record<string, ScriptValue | null>,
  properties: readonly Pick<PropertyDef, 'name' | 'default'>[],
): void {
  for (const { name, default: value } of properties) {
    if (value !== undefined) props[name] = Array.isArray(value) ? [...value] : value
  }
}

/** Depth-first post-order from the sources, the last source first, reversed as a whole. */
function walk(sources: readonly PipelineNode[]): PipelineNode[] {
  const order: PipelineNode[] = []
  const seen = new Set<PipelineNode>()
  const visit = (node: PipelineNode): void => {
    if (seen.has(node)) return
    seen.add(node)
    for (const child of node.children) visit(child)
    order.push(node)
  }
  for (const source of [...sources].reverse()) visit(source)
  return order.reverse()
}
