/** Vars of a request as they are stored and shown: durations as integer ns, integers exact, the original's error texts. Thread: any. */
import { ShardlineError } from '../errors.js'
import { isObject, type Json, JsonNumber } from '../go/lossless-json.js'
import { durationLiteral } from '../tickscript/literals.js'
import type { TaskVar } from './task-record.js'
import { invalidJson, type RequestVar } from './task-request.js'

const bad = (name: string, text: string): ShardlineError =>
  new ShardlineError('invalid-var', `invalid var ${name}: ${text}`)

export function storedVars(vars: Readonly<Record<string, RequestVar>>): Record<string, TaskVar> {
  return Object.fromEntries(
    Object.entries(vars).map(([name, { type, value, description }]) => [
      name,
      { type, value: storedValue(name, type, value), description },
    ]),
  )
}

function storedValue(name: string, type: string, value: Json | undefined): unknown {
  if (type === 'star') return null
  if (value === undefined || value === null) throw bad(name, 'unsupported Var type <nil>.')
  switch (type) {
    case 'int':
      return (value as JsonNumber).toInteger()
    case 'float':
      if (value instanceof JsonNumber) return value.toFloat()
      throw invalidJson()
    case 'duration':
      return durationNs(value)
    case 'list':
      return listItems(name, value)
    default:
      return plainValue(name, type, value)
  }
}

/** bool, string, regex, lambda; and none given, which nothing fits. */
function plainValue(name: string, type: string, value: Json): boolean | string {
  if (value instanceof JsonNumber) throw bad(name, 'unsupported Var type json.Number.')
  if (typeof value === 'string') {
    if (type === 'bool' || type === 'unknown') throw bad(name, `unexpected var type ${type}, value is a string`)
    return value
  }
  if (typeof value === 'boolean') {
    if (type !== 'bool') throw bad(name, `mismatched type and value: ${type} bool`)
    return value
  }
  throw bad(name, `unsupported Var type ${Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}'}.`)
}

function durationNs(value: Json): number | bigint {
  if (value instanceof JsonNumber && value.isInteger) return value.toInteger()
  if (typeof value !== 'string') throw invalidJson()
  const negative = value.startsWith('-')
  try {
    const parts = value.slice(negative ? 1 : 0).match(/\d+[a-zµμ]+/g)
    if (parts === null || parts.join('').length !== value.length - (negative ? 1 : 0)) throw invalidJson()
    const ns = parts.reduce((sum, part) => sum + durationLiteral(part), 0n)
    return new JsonNumber(String(negative ? -ns : ns)).toInteger()
  } catch (err) {
    if (err instanceof ShardlineError) throw invalidJson()
    throw err
  }
}

function listItems(name: string, value: Json): TaskVar[] {
  if (!Array.isArray(value)) throw bad(name, `mismatched type and value: list ${typeof value}`)
  return value.map((item) => {
    if (!isObject(item) || typeof item.type !== 'string' || !('value' in item)) throw invalidJson()
    const description = typeof item.description === 'string' ? item.description : ''
    if (item.type === 'star') return { type: 'star', value: null, description }
    if (item.value instanceof JsonNumber) throw bad(name, 'unsupported Var type json.Number.')
    return { type: item.type, value: plainValue(name, item.type, item.value!), description }
  })
}
