/**
 * Vars given with a task, and vars as a script declares them.
 *
 * `JsonVar.value` by type: bool boolean; int and duration (ns) number while it is a safe integer, else bigint; float number;
 * string, regex, lambda string; list array of JsonVar; star null. Thread: any.
 */
import { Duration } from '../columns/values.js'
import { errorText, ShardlineError } from '../errors.js'
import { formatExpression } from './format.js'
import { lambdaOf } from './lambda-idents.js'
import { regexFault } from './literals.js'
import { Lambda, Regex, Star } from './node-def.js'
import { parseLambdaBody } from './parser.js'
import { type EvalValue, type VarType, varTypeOf } from './script-values.js'

export interface JsonVar {
  readonly type: string
  readonly value: unknown
  readonly description?: string
}

/** A var of a script: `value` is its default as JSON, null when a value is required. */
export interface ScriptVar {
  readonly type: VarType
  readonly value: unknown
  readonly description: string
}

const zeroPosition = { offset: 0, line: 1, char: 1 }

/** What type-only vars hold in a template. */
export function zeroValue(type: VarType): EvalValue {
  switch (type) {
    case 'int':
      return 0n
    case 'float':
      return 0
    case 'bool':
      return false
    case 'string':
      return ''
    case 'regex':
      return new Regex('')
    case 'duration':
      return new Duration(0n)
    case 'lambda':
      return new Lambda({
        type: 'lambda',
        expression: { type: 'bool', value: true, pos: zeroPosition },
        pos: zeroPosition,
      })
    case 'list':
      return []
    case 'star':
      return new Star()
  }
}

/** The value a script sees. Throws ShardlineError `invalid var NAME: …`. */
export function varValue(name: string, given: JsonVar): EvalValue {
  const { type, value } = given
  switch (type) {
    case 'star':
      return new Star()
    case 'int':
      return integer(name, value)
    case 'duration':
      return new Duration(integer(name, value))
    case 'float':
      if (typeof value === 'number' || typeof value === 'bigint') return Number(value)
      break
    case 'bool':
      if (typeof value === 'boolean') return value
      break
    case 'list':
      if (Array.isArray(value)) return value.map((item: JsonVar) => varValue(name, item))
      break
    default:
      if (typeof value === 'string') return textValue(name, type, value)
  }
  throw mismatch(name, type, value)
}

function textValue(name: string, type: string, text: string): EvalValue {
  switch (type) {
    case 'string':
      return text
    case 'regex': {
      const fault = regexFault(text)
      if (fault !== null) throw invalid(name, `invalid regex pattern: ${fault}`)
      return new Regex(text)
    }
    case 'lambda':
      try {
        const expression = parseLambdaBody(text)
        return lambdaOf({ type: 'lambda', expression, pos: expression.pos }, null)
      } catch (err) {
        throw invalid(name, `invalid lambda expression: ${errorText(err)}`)
      }
    default:
      throw invalid(name, `unexpected var type ${type}, value is a string`)
  }
}

function integer(name: string, value: unknown): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  throw mismatch(name, 'int', value)
}

function mismatch(name: string, type: string, value: unknown): ShardlineError {
  if (value === null || value === undefined) return invalid(name, 'unsupported Var type <nil>.')
  if (typeof value === 'string') return invalid(name, `unexpected var type ${type}, value is a string`)
  return invalid(name, `mismatched type and value: ${type} ${typeof value === 'boolean' ? 'bool' : typeof value}`)
}

function invalid(name: string, text: string): ShardlineError {
  return new ShardlineError('invalid-var', `invalid var ${name}: ${text}`)
}

/** A default as JSON shows it; undefined for what is not listed (nodes). */
export function jsonValue(value: EvalValue): unknown {
  switch (varTypeOf(value)) {
    case null:
      return undefined
    case 'int':
      return jsonInteger(value as bigint)
    case 'duration':
      return jsonInteger((value as Duration).ns)
    case 'regex':
      return (value as Regex).source
    case 'lambda':
      return formatExpression((value as Lambda).expression)
    case 'list':
      return (value as EvalValue[]).map((item) => ({
        type: varTypeOf(item) ?? 'invalid type',
        value: jsonValue(item) ?? null,
        description: '',
      }))
    case 'star':
      return { typeOf: 'star' }
    default:
      return value
  }
}

function jsonInteger(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
