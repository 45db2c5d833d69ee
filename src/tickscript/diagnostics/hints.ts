/** Hints and suggestions for errors of evaluation: calls, names, arguments. Thread: any. */
import type { Expression } from '../ast.js'
import { argumentsOf, type LinkOp, type Methods, nodeOf, propertyNames } from '../calls.js'
import type { ArgDef } from '../node-def.js'
import { PipelineNode } from '../node-def.js'
import { type EvalValue, HandlerObject, type VarType } from '../script-values.js'
import type { Advice } from './diagnostics.js'
import { nearest } from './suggest.js'

export const varTypeNames: readonly VarType[] = [
  'int',
  'float',
  'bool',
  'string',
  'regex',
  'duration',
  'lambda',
  'list',
  'star',
]

/** A call that failed: `object OP name(args)`. */
export interface FailedCall {
  readonly object: EvalValue
  readonly op: LinkOp
  readonly name: string
  readonly args: readonly Expression[]
}

/** Advice, and which argument it is about. */
export interface CallAdvice extends Advice {
  readonly argument?: Expression
}

export function callAdvice(message: string, call: FailedCall, methods: Methods): CallAdvice {
  const { object, op, name } = call
  if (!(object instanceof PipelineNode || object instanceof HandlerObject)) {
    return { hint: 'What stands before it is no node.' }
  }
  if (/: no method or property "/.test(message)) return nameAdvice(object, op, name, methods)
  const use = /Use '(.)' operator instead/.exec(message)
  if (use !== null) return { hint: `Write ${use[1]}${name}(…).` }
  const defs = argumentsOf(object, op, name, methods) ?? []
  if (/too (?:few|many) /.test(message)) return { hint: `It is called as ${signature(name, defs)}.` }
  const edge = /cannot (\w+) (stream|batch) edge/.exec(message)
  if (edge !== null) {
    return edge[2] === 'batch'
      ? { hint: 'It takes a stream: what stands before it emits batches.' }
      : { hint: 'It takes batches: put a |window() before it.' }
  }
  return typeAdvice(message, call)
}

function signature(name: string, defs: readonly ArgDef[]): string {
  const args = defs.map((def) => {
    const text = `${def.name} ${def.type}`
    return def.variadic === true ? `${text}…` : def.optional === true ? `[${text}]` : text
  })
  return `${name}(${args.join(', ')})`
}

function nameAdvice(object: PipelineNode | HandlerObject, op: LinkOp, name: string, methods: Methods): Advice {
  const chained = methods.chainNames(nodeOf(object))
  const properties = propertyNames(object)
  const near = nearest(name, op === '|' ? chained : properties)
  if (near !== undefined) return { hint: `Did you mean ${near}?`, suggestion: near }
  const other = op === '|' ? properties : chained
  const elsewhere = nearest(name, other)
  if (elsewhere !== undefined) {
    return { hint: `Did you mean ${op === '|' ? '.' : '|'}${elsewhere}()?` }
  }
  if (op === '@') return { hint: 'Functions of the user are not configured here.' }
  if (object instanceof PipelineNode && object.def.chain !== undefined && methods.get(name) !== undefined) {
    return { hint: `Only ${object.def.chain.map((c) => `|${c}()`).join(', ')} can follow ${object.def.method}.` }
  }
  if (object instanceof PipelineNode && object.def.emits === 'none' && methods.get(name) !== undefined) {
    return { hint: `Nothing follows ${object.def.method}().` }
  }
  return {}
}

const goTypeNames: Readonly<Record<string, string>> = {
  int64: 'an integer',
  float64: 'a float',
  bool: 'TRUE or FALSE',
  string: 'a string',
  'time.Duration': 'a duration',
  '*regexp.Regexp': 'a regex',
  '*ast.LambdaNode': 'a lambda',
  '*ast.StarNode': '*',
  '[]interface {}': 'a list',
  'pipeline.Node': 'a node',
  '*ast.ReferenceNode': 'a reference',
  'tick.unboundFunc': 'a call that was never made',
  'tick.TimeDimension': 'a time dimension',
}

/** Expression types whose values have a Go type. */
function hasGoType(node: Expression, type: string): boolean {
  switch (node.type) {
    case 'number':
      return type === (typeof node.value === 'bigint' ? 'int64' : 'float64')
    case 'string':
      return type === 'string'
    case 'bool':
      return type === 'bool'
    case 'duration':
      return type === 'time.Duration'
    case 'lambda':
      return type === '*ast.LambdaNode'
    case 'reference':
      return type === '*ast.ReferenceNode'
    case 'regex':
      return type === '*regexp.Regexp'
    case 'star':
      return type === '*ast.StarNode'
    case 'list':
      return type === '[]interface {}'
    default:
      return false
  }
}

const wrongType = /(?:value of type|cannot use|Call using) (\S+(?: \{\})?) (?:is not assignable to|as) type (\S+)/

function typeAdvice(message: string, call: FailedCall): CallAdvice {
  if (message.includes('did you use double quotes instead of single quotes')) {
    const argument = call.args.find((arg) => arg.type === 'reference')
    if (argument?.type !== 'reference') return {}
    const suggestion = `'${argument.name.replaceAll("'", "\\'")}'`
    return { argument, suggestion, hint: `Strings are written in single quotes: ${suggestion}.` }
  }
  const m = wrongType.exec(message)
  if (m === null) return {}
  const [have, want] = [m[1], m[2]]
  const argument = call.args.find((arg) => hasGoType(arg, have))
  const advice = conversion(argument, have, want)
  return argument === undefined ? { hint: advice.hint } : { argument, ...advice }
}

function conversion(argument: Expression | undefined, have: string, want: string): Advice {
  const wanted = `It takes ${goTypeNames[want] ?? want}, not ${goTypeNames[have] ?? (have.startsWith('*pipeline.') ? 'a node' : have)}.`
  if (want === '*ast.LambdaNode') return { hint: 'An expression over points begins with lambda:.' }
  if (argument?.type === 'number' && want === 'time.Duration') {
    return { hint: `${wanted} A duration has a unit.`, ...suggest(`${argument.value}s`) }
  }
  if (argument?.type === 'number' && want === 'float64') return { hint: wanted, ...suggest(`${argument.value}.0`) }
  if (argument?.type === 'number' && want === 'int64' && Number.isSafeInteger(Number(argument.value))) {
    return { hint: wanted, ...suggest(String(argument.value)) }
  }
  if (argument?.type === 'number' && want === 'string') return { hint: wanted, ...suggest(`'${argument.value}'`) }
  if (argument?.type === 'duration' && want === 'string') return { hint: wanted, ...suggest(`'${argument.literal}'`) }
  if (argument?.type === 'string') {
    const text = argument.value.trim()
    if (want === 'time.Duration' && /^\d+(?:u|µ|ms|s|m|h|d|w)$/.test(text)) {
      return { hint: 'Durations are written without quotes.', ...suggest(text) }
    }
    if (want === 'bool' && /^(?:true|false)$/i.test(text)) return { hint: wanted, ...suggest(text.toUpperCase()) }
    if (want === 'int64' && /^\d+$/.test(text)) return { hint: wanted, ...suggest(text) }
    if (want === 'float64' && /^\d+(?:\.\d+)?$/.test(text)) {
      return { hint: wanted, ...suggest(text.includes('.') ? text : `${text}.0`) }
    }
  }
  return { hint: wanted }
}

function suggest(suggestion: string): Advice {
  return { suggestion }
}

const literalWords: ReadonlyMap<string, string> = new Map(
  Object.entries({
    true: 'TRUE',
    false: 'FALSE',
    and: 'AND',
    or: 'OR',
    null: '',
    nil: '',
    none: '',
  }),
)

/** For a name that is not in scope. `asText`: a string is wanted in its place, or may be. */
export function undefinedAdvice(name: string, scope: Iterable<string>, asText: boolean): Advice {
  const word = literalWords.get(name.toLowerCase())
  if (word !== undefined && word !== '') return { hint: `It is written ${word}.`, suggestion: word }
  if (word === '') return { hint: 'There is no null.' }
  const names = [...scope]
  const near = nearest(name, names)
  if (near !== undefined) return { hint: `Did you mean ${near}?`, suggestion: near }
  if (name === 'stream' || name === 'batch') return { hint: 'A script is either a stream or a batch task.' }
  return asText
    ? { hint: `Vars are declared before they are used; strings are written in single quotes: '${name}'.` }
    : { hint: `Vars are declared before they are used; fields and tags are written in double quotes: "${name}".` }
}
