/** Values that exist only while a script runs, and the names errors give to values and types (those of Go). Thread: any. */
import { Duration } from '../columns/values.js'
import {
  type ArgType,
  type HandlerCall,
  type HandlerDef,
  Lambda,
  type PipelineNode,
  Reference,
  Regex,
  type ScriptValue,
  Star,
} from './node-def.js'

/** `var x = f(1.0)`: a call that was never made. */
export class UnboundFunction {}

/** `time(10s, offset)`, a dimension of batch queries. */
export class TimeDimension {
  constructor(
    readonly length: Duration,
    readonly offset: Duration,
  ) {}
}

/**
 * What stands on the chain in front of a node: what `.slack()` leaves, the handler; and the part of a node that its property
 * methods return (`NodeDef.methodsReturn`), which has no properties of its own.
 */
export class HandlerObject {
  constructor(
    readonly def: Pick<HandlerDef, 'goType' | 'properties'>,
    readonly call: HandlerCall,
    readonly node: PipelineNode,
  ) {}
}

export type EvalValue = ScriptValue | UnboundFunction | TimeDimension | HandlerObject | EvalValue[]

export function goType(value: EvalValue): string {
  switch (typeof value) {
    case 'bigint':
      return 'int64'
    case 'number':
      return 'float64'
    case 'boolean':
      return 'bool'
    case 'string':
      return 'string'
  }
  if (Array.isArray(value)) return '[]interface {}'
  if (value instanceof Duration) return 'time.Duration'
  if (value instanceof Regex) return '*regexp.Regexp'
  if (value instanceof Lambda) return '*ast.LambdaNode'
  if (value instanceof Star) return '*ast.StarNode'
  if (value instanceof Reference) return '*ast.ReferenceNode'
  if (value instanceof UnboundFunction) return 'tick.unboundFunc'
  if (value instanceof TimeDimension) return 'tick.TimeDimension'
  return `*pipeline.${value.def.goType}`
}

const goArgTypes: Record<ArgType, string> = {
  int: 'int64',
  float: 'float64',
  string: 'string',
  bool: 'bool',
  duration: 'time.Duration',
  lambda: '*ast.LambdaNode',
  star: '*ast.StarNode',
  regex: '*regexp.Regexp',
  node: 'pipeline.Node',
  dimension: 'interface {}',
  number: 'interface {}',
  any: 'interface {}',
}

export function goArgType(type: ArgType): string {
  return goArgTypes[type]
}

/** Types that take any value; what they hold is checked by the node itself. */
export function takesAnything(type: ArgType): boolean {
  return goArgTypes[type] === 'interface {}'
}

export function isPointer(value: EvalValue): boolean {
  return goType(value).startsWith('*')
}

/** Types of vars as errors name them. null: a value no var of that type can be given for (nodes, references). */
export type VarType = 'int' | 'float' | 'bool' | 'string' | 'regex' | 'duration' | 'lambda' | 'list' | 'star'

export function varTypeOf(value: EvalValue): VarType | null {
  switch (typeof value) {
    case 'bigint':
      return 'int'
    case 'number':
      return 'float'
    case 'boolean':
      return 'bool'
    case 'string':
      return 'string'
  }
  if (Array.isArray(value)) return 'list'
  if (value instanceof Duration) return 'duration'
  if (value instanceof Regex) return 'regex'
  if (value instanceof Lambda) return 'lambda'
  return value instanceof Star ? 'star' : null
}

export function varTypeName(type: VarType | null): string {
  if (type === null) return 'invalid type'
  return type === 'bool' ? 'boolean' : type
}
