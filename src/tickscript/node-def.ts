/**
 * How a TICKscript node describes itself: one `NodeDef` per node, exported by its file in operators/ and listed in
 * operators/registry.ts. Evaluation, validation, formatting of errors, planning and the reference documentation all read
 * this table. Thread: any.
 */
import type { Duration } from '../columns/values.js'
import type { Expression, LambdaNode } from './ast.js'

/** A lambda after evaluation: identifiers replaced by their literals, lambda vars spliced in as nested lambdas. */
export class Lambda {
  constructor(readonly node: LambdaNode) {}
  get expression(): Expression {
    return this.node.expression
  }
}
export class Regex {
  constructor(readonly source: string) {}
}
export class Star {}
/** A `"reference"` used where a value is wanted. */
export class Reference {
  constructor(readonly name: string) {}
}

/** Anything a script expression can evaluate to. int = bigint, float = number. */
export type ScriptValue =
  | bigint
  | number
  | string
  | boolean
  | Duration
  | Regex
  | Star
  | Reference
  | Lambda
  | PipelineNode
  | ScriptValue[]

/** A value that a text can show. */
export type PlainValue = bigint | number | string | boolean | Duration

const noVars: ReadonlyMap<string, PlainValue> = new Map()

export type EdgeType = 'stream' | 'batch' | 'none'

/** The type of one argument or property value. 'dimension' = string or star; 'any' is checked by the node itself. */
export type ArgType =
  | 'int'
  | 'float'
  | 'string'
  | 'bool'
  | 'duration'
  | 'lambda'
  | 'star'
  | 'regex'
  | 'node'
  | 'dimension'
  | 'number'
  | 'any'

export interface ArgDef {
  readonly name: string
  readonly type: ArgType
  /** The last argument may repeat (Go variadic). */
  readonly variadic?: boolean
  readonly optional?: boolean
}

export interface PropertyDef {
  readonly name: string
  readonly doc: string
  /**
   * field: sets exactly one value (`.period(10s)`); a second call replaces it.
   * method: any call shape given by `args`; `apply` stores it.
   * flag: no arguments, sets true.
   */
  readonly form: 'field' | 'method' | 'flag'
  readonly args: readonly ArgDef[]
  readonly default?: ScriptValue | null
  /** method: stores the arguments in node.props; may throw ShardlineError with the constructor's own text. */
  apply?(node: PipelineNode, args: ScriptValue[]): void
}

/**
 * The type of a field that a node makes: a fixed one, any that a field can have, that of a field that comes in (`like`; `or`
 * where there is none), or that of an expression.
 */
export type MadeType =
  | 'int'
  | 'float'
  | 'string'
  | 'boolean'
  | 'any'
  | { readonly like: string; readonly or?: 'int' | 'float' }
  | Lambda

/** What the planner and the checks of scripts need to know of a node instance. */
export interface NodeEffects {
  /** Names of fields or tags whose cells the node looks at. */
  reads: readonly string[]
  /** The node hands on or stores whole points as they come in (all fields / all tags are needed). */
  wholeFields?: boolean
  wholeTags?: boolean
  /** What is left of the incoming cells downstream: only these fields (undefined: all that came in). */
  keepsFields?: readonly string[]
  /** The input fields of parent number `parent` that an output field of this name can come from; absent: the same one. */
  fieldsFrom?(parent: number, name: string): readonly string[]
  /** Fields that the node puts into its rows beside those that come in. For checks. */
  makesFields?: readonly (readonly [name: string, type: MadeType])[]
  /** Fields and tags of these names leave the rows. For checks. */
  removes?: { readonly fields: readonly string[]; readonly tags: readonly string[] }
  /** The names of outgoing fields depend on data. For checks. */
  namesFromData?: boolean
  /** Fields that the node needs beside those of its lambdas. For checks. */
  needsFields?: readonly string[]
  /** Outgoing rows carry only the group's tags. */
  groupTagsOnly?: boolean
  /** Tags that this node writes or removes: they leave the partition key of groupings downstream. */
  writesTags?: readonly string[]
  /** New grouping from here on. */
  grouping?: { dims: readonly string[] | '*'; exclude?: readonly string[]; byName: boolean }
  /** Keeps state per group (so its effective grouping bounds the partition key). */
  stateful?: boolean
  /** With `stateful`: state is kept per these of the group's tags only (join.on). */
  stateTags?: readonly string[]
  /** Why not per group, for `explain`. */
  stateTagsWhy?: string
  /** State is shared by all groups or order across groups matters: the task runs on one shard. The text says why. */
  pinned?: string
}

/** A property of an alert handler. As PropertyDef, but it stores into the handler's call. */
export interface HandlerPropertyDef extends Omit<PropertyDef, 'apply'> {
  /** method: stores the arguments in call.props; without it they are stored as described at `NodeDef.construct`. */
  apply?(call: HandlerCall, args: ScriptValue[]): void
}

/**
 * An alert handler: a method of the alert node that appends one HandlerCall to `node.handlers`. The chain object is then the
 * handler: `.name(..)` sets the handler's property of that name if it has one, else the alert node's.
 */
export interface HandlerDef {
  /** HandlerCall.kind, `slack`. */
  readonly kind: string
  /** Method on the alert node, `slack`. Names match with the first letter upper-cased (`uRL` is `URL`). */
  readonly method: string
  /** Go type in error texts: `SlackHandler` (printed `*pipeline.SlackHandler`). */
  readonly goType: string
  readonly doc: string
  readonly args: readonly ArgDef[]
  readonly properties: readonly HandlerPropertyDef[]
  /** Stores the method's arguments in call.props; without it they are stored as described at `NodeDef.construct`. */
  construct?(call: HandlerCall, args: ScriptValue[]): void
  /** Checks after the whole script ran; the node's own validate() has passed. Throws ShardlineError. */
  validate?(call: HandlerCall, node: PipelineNode): void
  /** Not runnable yet: define-time error text. */
  readonly unsupported?: string
}

/** What a start check may look at beside the node. */
export interface StartContext {
  /** Databases and retention policies of the task; null when they are not known (a script checked by itself). */
  readonly dbrps: readonly { readonly db: string; readonly rp: string }[] | null
}

export interface NodeDef {
  /** Chain method, `window`; also the name of the reference page. */
  readonly method: string
  /** Prefix of node names: `window`, `http_out`. A function for nodes that share a definition. */
  readonly kind: string
  /** Go type in error texts: `WindowNode` (printed `*pipeline.WindowNode`). */
  readonly goType: string
  /** Go type of what property methods return, where it is not the node: `AlertNodeData`. Setting a field returns what it was called on. */
  readonly methodsReturn?: string
  readonly doc: string
  readonly accepts: 'stream' | 'batch' | 'any'
  /** 'same' = as input; 'none' = a sink that nothing may follow. */
  readonly emits: EdgeType | 'same' | ((node: PipelineNode) => EdgeType)
  /** Text when the input edge is of the wrong type, e.g. `cannot Window batch edge`. */
  readonly edgeError?: string
  readonly args: readonly ArgDef[]
  readonly properties: readonly PropertyDef[]
  /** Chain methods allowed after this node, when not the usual ones (stream: from). */
  readonly chain?: readonly string[]
  /** Arguments of type node are linked before the node on the left (union); without it after it (join). */
  readonly linksArgsFirst?: boolean
  /** Watches the node on the left instead of reading from it: a source of its own, `PipelineNode.observed` (stats). */
  readonly observes?: boolean
  /** Alert handlers that are called as methods on this node. */
  readonly handlers?: readonly HandlerDef[]
  /**
   * Called with the constructor's arguments; stores them in node.props. Throws ShardlineError for its own texts.
   * Without it (the same holds for a property of form `method` without `apply`): each argument is stored under its own name,
   * a variadic one as an array; the only argument of a property method under the property's name.
   */
  construct?(node: PipelineNode, args: ScriptValue[]): void
  /** Checks after the whole script ran (spec nodes "D:"). Throws ShardlineError. */
  validate?(node: PipelineNode): void
  /** Checks when the task is enabled (spec nodes "S:", HTTP 500). Throws ShardlineError. */
  check?(node: PipelineNode, context: StartContext): void
  effects?(node: PipelineNode): NodeEffects
  /** Whether the node, with these children, is built together with them over accumulators instead of rows. */
  keepsPanes?(node: PipelineNode, children: readonly PipelineNode[]): boolean
  /** Not runnable yet: define-time error text. */
  readonly unsupported?: string
  /** Extra counters shown in `show` and DOT beside the common ones. */
  readonly counters?: readonly string[]
}

/** An alert handler called on a node, with its own properties. */
export interface HandlerCall {
  readonly kind: string
  /** Values by property or argument name, defaults filled in. */
  readonly props: Record<string, ScriptValue | null>
}

/** A node of the evaluated pipeline. */
export class PipelineNode {
  id = -1
  readonly parents: PipelineNode[] = []
  readonly children: PipelineNode[] = []
  /** Values by property or argument name, defaults filled in. */
  readonly props: Record<string, ScriptValue | null> = {}
  /** Alert handlers in call order. */
  readonly handlers: HandlerCall[] = []
  quiet = false
  edge: EdgeType = 'none'
  /** The node that a stats node watches. */
  observed: PipelineNode | null = null
  /** Vars of the task with plain values, for templates. */
  vars: ReadonlyMap<string, PlainValue> = noVars

  constructor(readonly def: NodeDef) {}

  get name(): string {
    return `${this.def.kind}${this.id}`
  }
}

/** The result of evaluating a script. */
export interface Pipeline {
  readonly type: 'stream' | 'batch'
  /** Sources first: `stream0`, then stats sources. */
  readonly sources: PipelineNode[]
  /** All nodes, parents before children, siblings in reverse order of creation (walk order). */
  readonly nodes: PipelineNode[]
}
