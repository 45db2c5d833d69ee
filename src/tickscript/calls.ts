/**
 * Calls on pipeline nodes and alert handlers: which names exist behind `|`, `.` and `@`, and how arguments are checked.
 * Names match with their first letter upper-cased. Error texts are the original's (Go's reflection among them). Thread: any.
 */
import { errorText, ShardlineError } from '../errors.js'
import type { Position } from './ast.js'
import type { ArgDef, HandlerDef, HandlerPropertyDef, NodeDef, PropertyDef, ScriptValue } from './node-def.js'
import { PipelineNode, Reference } from './node-def.js'
import { fillDefaults, newNode, type PipelineBuilder } from './pipeline-builder.js'
import {
  type EvalValue,
  goArgType,
  goType,
  HandlerObject,
  isPointer,
  TimeDimension,
  takesAnything,
  UnboundFunction,
} from './script-values.js'

export type LinkOp = '|' | '.' | '@'

/** An error that names its place, or that has none in the original. */
class CompleteError extends ShardlineError {}

export function positioned(pos: Position, text: string): ShardlineError {
  return new CompleteError('tickscript', `line ${pos.line} char ${pos.char}: ${text}`)
}

function upperFirst(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}

const quiet: PropertyDef = {
  name: 'quiet',
  doc: 'Errors of this node are counted but not logged.',
  form: 'flag',
  args: [],
  apply(node) {
    node.quiet = true
  },
}

/** The methods of a script's nodes, by upper-cased name. */
export class Methods {
  private readonly byName = new Map<string, NodeDef>()

  constructor(defs: Iterable<NodeDef>) {
    for (const def of defs) {
      const name = upperFirst(def.method)
      // A definition that runs wins over a placeholder.
      if (def.unsupported === undefined || !this.byName.has(name)) this.byName.set(name, def)
    }
  }

  get(method: string): NodeDef | undefined {
    return this.byName.get(upperFirst(method))
  }

  /** Everything that `node|…()` may name. */
  chainNames(node: PipelineNode): string[] {
    return [...this.byName.values()].map((def) => def.method).filter((name) => this.chain(node, name) !== undefined)
  }

  /** The definition behind `node|name()`, if that node has it. */
  chain(node: PipelineNode, name: string): NodeDef | undefined {
    const def = this.get(name)
    if (def === undefined || neverChained.has(def.method)) return undefined
    if (onEveryNode.has(def.method)) return def
    if (node.def.chain !== undefined) return node.def.chain.includes(def.method) ? def : undefined
    if (def.method === 'from') return node.def.method === 'from' ? def : undefined
    if (onSources.has(def.method) || node.def.emits === 'none') return undefined
    return def
  }
}

const neverChained = new Set(['stream', 'batch', 'noop'])
const onEveryNode = new Set(['stats', 'deadman'])
const onSources = new Set(['query', 'queryFlux'])

type AnyProperty = PropertyDef | HandlerPropertyDef

function find<P extends AnyProperty>(properties: readonly P[], name: string): P | undefined {
  const wanted = upperFirst(name)
  return properties.find((property) => upperFirst(property.name) === wanted)
}

function nodeProperty(node: PipelineNode, name: string): PropertyDef | undefined {
  return find(node.def.properties, name) ?? (upperFirst(name) === 'Quiet' ? quiet : undefined)
}

function handlerOf(node: PipelineNode, name: string): HandlerDef | undefined {
  return node.def.handlers?.find((handler) => upperFirst(handler.method) === upperFirst(name))
}

/** Everything that `object.…()` may name. */
export function propertyNames(object: PipelineNode | HandlerObject): string[] {
  const { def } = nodeOf(object)
  const own = object instanceof HandlerObject ? object.def.properties.map((property) => property.name) : []
  const handlers = (def.handlers ?? []).map((handler) => handler.method)
  return [...own, ...def.properties.map((property) => property.name), ...handlers, quiet.name]
}

/** The arguments of what `object OP name()` calls, if there is such a thing. */
export function argumentsOf(
  object: PipelineNode | HandlerObject,
  op: LinkOp,
  name: string,
  methods: Methods,
): readonly ArgDef[] | undefined {
  const node = nodeOf(object)
  if (op === '|') return methods.chain(node, name)?.args
  const own = object instanceof HandlerObject ? find(object.def.properties, name) : undefined
  return (own ?? nodeProperty(node, name) ?? handlerOf(node, name))?.args
}

function hasProperty(object: PipelineNode | HandlerObject, name: string): boolean {
  if (object instanceof HandlerObject && find(object.def.properties, name) !== undefined) return true
  const node = nodeOf(object)
  return nodeProperty(node, name) !== undefined || handlerOf(node, name) !== undefined
}

export function nodeOf(object: PipelineNode | HandlerObject): PipelineNode {
  return object instanceof HandlerObject ? object.node : object
}

/** A node or handler that a script uses and that does not run yet. */
export type Unsupported = (pos: Position, text: string) => void

/** Makes the call `object OP name(args)`; `pos` is the position of the name. */
export class Caller {
  constructor(
    private readonly methods: Methods,
    private readonly builder: PipelineBuilder,
    /** Composite chain methods (deadman), by name. */
    private readonly composites: ReadonlyMap<string, (node: PipelineNode, args: ScriptValue[]) => PipelineNode>,
    /** The script's own mistakes come first, so what does not run yet is only noted. */
    private readonly unsupported: Unsupported,
  ) {}

  call(object: EvalValue, op: LinkOp, name: string, args: EvalValue[], pos: Position): PipelineNode | HandlerObject {
    if (!(object instanceof PipelineNode || object instanceof HandlerObject)) {
      if (!isPointer(object)) throw positioned(pos, 'cannot get properties of non pointer value')
      throw positioned(pos, `no method or property "${name}" on ${goType(object)}`)
    }
    const flat = args.length === 1 && Array.isArray(args[0]) ? args[0] : args
    const node = nodeOf(object)
    if (op === '|') {
      const def = this.methods.chain(node, name)
      if (def !== undefined) {
        return guarded(pos, name, object, () => this.chain(node, def, flat, pos))
      }
    } else if (op === '.' && hasProperty(object, name)) {
      return guarded(pos, name, object, () => this.property(object, name, flat, pos))
    }
    throw this.wrongOperator(object, op, name, pos)
  }

  /** Reads `object.name`; `pos` is the position of the dot. */
  read(object: EvalValue, name: string, pos: Position): ScriptValue {
    if (!isPointer(object)) throw positioned(pos, 'cannot get properties of non pointer value')
    const own = object instanceof HandlerObject ? find(object.def.properties, name) : undefined
    if (object instanceof HandlerObject && own !== undefined)
      return readField(object.call.props, own, object, name, pos)
    if (object instanceof PipelineNode || object instanceof HandlerObject) {
      const node = nodeOf(object)
      return readField(node.props, nodeProperty(node, name), object, name, pos)
    }
    throw positioned(pos, `object ${goType(object)} has no property ${name}`)
  }

  private chain(left: PipelineNode, def: NodeDef, args: EvalValue[], pos: Position): PipelineNode {
    if (def.unsupported !== undefined) this.unsupported(pos, def.unsupported)
    const values = checkArgs(def, def.args, args, pos)
    const composite = this.composites.get(def.method)
    if (composite !== undefined) return composite(left, values)
    if (!def.observes && def.accepts !== 'any' && left.edge !== 'none' && def.accepts !== left.edge) {
      throw new CallFault(def.edgeError ?? `cannot ${upperFirst(def.method)} ${left.edge} edge`)
    }
    if (def.observes === true) {
      const node = this.builder.observer(def, left)
      store(def, node, node.props, values, def.args)
      return node
    }
    const node = newNode(def)
    const others = values.filter((value): value is PipelineNode => value instanceof PipelineNode)
    for (const parent of def.linksArgsFirst === true ? [...others, left] : [left, ...others]) {
      this.builder.link(parent, node)
    }
    node.edge = this.edgeOf(def, node, left)
    store(def, node, node.props, values, def.args)
    node.edge = this.edgeOf(def, node, left)
    return node
  }

  private edgeOf(def: NodeDef, node: PipelineNode, left: PipelineNode): PipelineNode['edge'] {
    if (def.emits === 'same') return left.edge
    return typeof def.emits === 'function' ? def.emits(node) : def.emits
  }

  private property(
    object: PipelineNode | HandlerObject,
    name: string,
    args: EvalValue[],
    pos: Position,
  ): PipelineNode | HandlerObject {
    if (object instanceof HandlerObject) {
      const own = find(object.def.properties, name)
      if (own !== undefined) {
        setProperty(own, object.call, object.call.props, { name, object, args, pos })
        return object
      }
    }
    const node = nodeOf(object)
    const property = nodeProperty(node, name)
    if (property !== undefined) {
      setProperty(property, node, node.props, { name, object, args, pos })
      // A field of the alert node set behind a handler leaves the handler in front; a method leaves the alert node.
      return property.form === 'field' ? object : methodResult(node)
    }
    const handler = handlerOf(node, name)!
    if (handler.unsupported !== undefined) this.unsupported(pos, handler.unsupported)
    const values = checkArgs(node.def, handler.args, args, pos)
    const call = { kind: handler.kind, props: {} as Record<string, ScriptValue | null> }
    fillDefaults(call.props, handler.properties)
    if (handler.construct !== undefined) handler.construct(call, values)
    else storeByName(call.props, handler.args, values)
    node.handlers.push(call)
    return new HandlerObject(handler, call, node)
  }

  private wrongOperator(object: PipelineNode | HandlerObject, op: LinkOp, name: string, pos: Position): ShardlineError {
    const type = goType(object)
    const property = hasProperty(object, name)
    const chained = this.methods.chain(nodeOf(object), name) !== undefined
    const [want, have, use] =
      op !== '.' && property
        ? [op === '|' ? 'chaining method' : 'dynamic method', 'property', '.']
        : op !== '|' && chained
          ? [op === '.' ? 'property method' : 'dynamic method', 'chaining method', '|']
          : ['', '', '']
    if (have === '') return positioned(pos, `no method or property "${name}" on ${type}`)
    return positioned(
      pos,
      `no ${want} "${name}" on ${type}, but ${have} does exist. Use '${use}' operator instead: 'node${use}${name}(..)'.`,
    )
  }
}

function methodResult(node: PipelineNode): PipelineNode | HandlerObject {
  const goType = node.def.methodsReturn
  if (goType === undefined) return node
  return new HandlerObject({ goType, properties: [] }, { kind: '', props: {} }, node)
}

/** A fault inside the called method; the caller adds which method it was. */
class CallFault extends Error {}

function guarded<T>(pos: Position, name: string, object: EvalValue, call: () => T): T {
  try {
    return call()
  } catch (err) {
    if (err instanceof CompleteError || !(err instanceof CallFault || err instanceof ShardlineError)) throw err
    throw positioned(pos, `error calling func "${name}" on obj ${goType(object)}: ${errorText(err)}`)
  }
}

function readField(
  props: Record<string, ScriptValue | null>,
  property: AnyProperty | undefined,
  object: EvalValue,
  name: string,
  pos: Position,
): ScriptValue {
  const value = property?.form === 'field' ? props[property.name] : undefined
  if (value === undefined || value === null) {
    throw positioned(pos, `object ${goType(object)} has no property ${name}`)
  }
  return value
}

interface PropertyCall {
  readonly name: string
  readonly object: EvalValue
  readonly args: EvalValue[]
  readonly pos: Position
}

function setProperty<Target>(
  property: Omit<PropertyDef, 'apply'> & { apply?(target: Target, args: ScriptValue[]): void },
  target: Target,
  props: Record<string, ScriptValue | null>,
  { name, object, args, pos }: PropertyCall,
): void {
  if (property.form === 'field') {
    if (args.length !== 1) {
      throw positioned(pos, `too many arguments to set property ${upperFirst(name)} on ${goType(object)}`)
    }
    const type = property.args[0]?.type ?? 'any'
    const value = args[0]
    if (isInternal(value) || !fits(value, type)) {
      if (type === 'string' && value instanceof Reference) throw doubleQuotes(pos)
      throw new CallFault(`reflect.Set: value of type ${goType(value)} is not assignable to type ${goArgType(type)}`)
    }
    if (property.apply !== undefined) property.apply(target, [argument(value)])
    else props[property.name] = argument(value)
    return
  }
  const owner = object instanceof HandlerObject ? object.node : (object as PipelineNode)
  const values = checkArgs(owner.def, property.args, args, pos)
  if (property.apply !== undefined) property.apply(target, values)
  else if (property.form === 'flag') props[property.name] = true
  else if (property.args.length === 1) props[property.name] = property.args[0].variadic === true ? values : values[0]
  else storeByName(props, property.args, values)
}

/** Checks arguments as a Go call would. An optional argument counts as a variadic one. */
function checkArgs(owner: NodeDef, defs: readonly ArgDef[], args: EvalValue[], pos: Position): ScriptValue[] {
  const last = defs[defs.length - 1]
  const open = last !== undefined && (last.variadic === true || last.optional === true)
  const fixed = defs.filter((def) => def.variadic !== true && def.optional !== true).length
  if (args.length < fixed) throw new CallFault('reflect: Call with too few input arguments')
  if (args.length > defs.length && !open) {
    throw new CallFault('reflect: Call with too many input arguments')
  }
  return args.map((value, i) => {
    const def = defs[Math.min(i, defs.length - 1)]
    // Only queries group by time; a function that was never called is no dimension either.
    if (takesAnything(def.type) && isInternal(value) && !(owner.method === 'query' && value instanceof TimeDimension)) {
      throw new CompleteError('tickscript', `invalid dimension object of type ${goType(value)}`)
    }
    if (!fits(value, def.type)) {
      if (def.type === 'string' && value instanceof Reference) throw doubleQuotes(pos)
      const [type, wanted] = [goType(value), goArgType(def.type)]
      throw new CallFault(
        i >= fixed
          ? `reflect: cannot use ${type} as type ${wanted} in Call`
          : `reflect: Call using ${type} as type ${wanted}`,
      )
    }
    return argument(value)
  })
}

function doubleQuotes(pos: Position): ShardlineError {
  return positioned(
    pos,
    'cannot assign *ast.ReferenceNode to type string, did you use double quotes instead of single quotes?',
  )
}

function fits(value: EvalValue, type: ArgDef['type']): boolean {
  if (type === 'node') return value instanceof PipelineNode || value instanceof HandlerObject
  return takesAnything(type) || goType(value) === goArgType(type)
}

function isInternal(value: EvalValue): boolean {
  return value instanceof TimeDimension || value instanceof UnboundFunction
}

/** Behind a handler stands its node. */
function argument(value: EvalValue): ScriptValue {
  return value instanceof HandlerObject ? value.node : (value as ScriptValue)
}

function store(
  def: NodeDef,
  node: PipelineNode,
  props: Record<string, ScriptValue | null>,
  values: ScriptValue[],
  args: readonly ArgDef[],
): void {
  if (def.construct !== undefined) def.construct(node, values)
  else storeByName(props, args, values)
}

function storeByName(props: Record<string, ScriptValue | null>, defs: readonly ArgDef[], values: ScriptValue[]): void {
  defs.forEach((def, i) => {
    if (def.variadic === true) props[def.name] = values.slice(i)
    else if (i < values.length) props[def.name] = values[i]
  })
}
