/**
 * The outline of a planned task as plain data, to cross threads. Lambdas stay behind: nothing on main evaluates them, and with
 * their vars filled in they may be large. Thread: any.
 */
import { Duration } from '../columns/values.js'
import { operatorRegistry } from '../operators/registry.js'
import type { OutlineNode, TaskOutline } from '../plan/task-outline.js'
import {
  Lambda,
  type NodeDef,
  PipelineNode,
  type PlainValue,
  Reference,
  Regex,
  type ScriptValue,
  Star,
} from '../tickscript/node-def.js'

type ValueData =
  | bigint
  | number
  | string
  | boolean
  | readonly ValueData[]
  | { readonly type: 'duration'; readonly ns: bigint }
  | { readonly type: 'regex'; readonly source: string }
  | { readonly type: 'reference'; readonly name: string }
  | { readonly type: 'star' }

type VarData = bigint | number | string | boolean | { readonly type: 'duration'; readonly ns: bigint }

type PropsData = readonly (readonly [name: string, value: ValueData | null])[]

interface NodeData {
  readonly method: string
  readonly id: number
  readonly edge: PipelineNode['edge']
  readonly quiet: boolean
  readonly props: PropsData
  readonly handlers: readonly { readonly kind: string; readonly props: PropsData }[]
  readonly children: readonly number[]
}

export interface OutlineData extends Omit<TaskOutline, 'pipeline' | 'nodes'> {
  readonly type: 'stream' | 'batch'
  readonly nodes: readonly NodeData[]
  /** Of the task, for templates of handlers; the same for all nodes. */
  readonly vars: readonly (readonly [name: string, value: VarData])[]
}

type Props = Record<string, ScriptValue | null>

export function outlineData({ pipeline, nodes, partition, reads, measurements }: TaskOutline): OutlineData {
  return {
    type: pipeline.type,
    nodes: nodes.map(({ node, children }) => ({
      method: node.def.method,
      id: node.id,
      edge: node.edge,
      quiet: node.quiet,
      props: propsData(node.props),
      handlers: node.handlers.map(({ kind, props }) => ({ kind, props: propsData(props) })),
      children: children.map((child) => child.index),
    })),
    partition,
    reads,
    measurements,
    vars: [...(nodes[0]?.node.vars ?? [])].map(([name, value]) => [name, varData(value)]),
  }
}

function propsData(props: Props): PropsData {
  return Object.entries(props).flatMap(([name, value]) => {
    const data = value === null ? null : valueData(value)
    return data === undefined ? [] : [[name, data] as const]
  })
}

/** undefined: stays behind. */
function valueData(value: ScriptValue): ValueData | undefined {
  if (typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(valueData).filter((item) => item !== undefined)
  if (value instanceof Duration) return { type: 'duration', ns: value.ns }
  if (value instanceof Regex) return { type: 'regex', source: value.source }
  if (value instanceof Reference) return { type: 'reference', name: value.name }
  if (value instanceof Star) return { type: 'star' }
  if (value instanceof Lambda || value instanceof PipelineNode) return undefined
  throw new TypeError('a property of a node is no value of a script')
}

const varData = (value: PlainValue): VarData => (value instanceof Duration ? { type: 'duration', ns: value.ns } : value)

const varOf = (data: VarData): PlainValue => (typeof data === 'object' ? new Duration(data.ns) : data)

const defs: ReadonlyMap<string, NodeDef> = new Map([...operatorRegistry].map((def) => [def.method, def]))

export function outlineOf({ type, nodes, partition, reads, measurements, vars }: OutlineData): TaskOutline {
  const values = new Map(vars.map(([name, value]) => [name, varOf(value)]))
  const outline = nodes.map((data, index) => ({ node: nodeOf(data, values), index, children: [] as OutlineNode[] }))
  nodes.forEach(({ children }, i) => {
    for (const child of children) outline[i].children.push(outline[child])
  })
  return { pipeline: { type }, nodes: outline, partition, reads, measurements }
}

function nodeOf({ method, id, edge, quiet, props, handlers }: NodeData, vars: PipelineNode['vars']): PipelineNode {
  const def = defs.get(method)
  if (def === undefined) throw new Error(`no node ${method}`)
  const node = new PipelineNode(def)
  node.id = id
  node.edge = edge
  node.quiet = quiet
  node.vars = vars
  Object.assign(node.props, propsOf(props))
  for (const handler of handlers) node.handlers.push({ kind: handler.kind, props: propsOf(handler.props) })
  return node
}

function propsOf(data: PropsData): Props {
  return Object.fromEntries(data.map(([name, value]) => [name, value === null ? null : scriptValueOf(value)]))
}

function scriptValueOf(data: ValueData): ScriptValue {
  if (typeof data !== 'object') return data
  if (isList(data)) return data.map(scriptValueOf)
  switch (data.type) {
    case 'duration':
      return new Duration(data.ns)
    case 'regex':
      return new Regex(data.source)
    case 'reference':
      return new Reference(data.name)
    case 'star':
      return new Star()
  }
}

const isList = (data: object): data is readonly ValueData[] => Array.isArray(data)
