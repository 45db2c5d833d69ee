/** Shorthands for the properties of node definitions, and for reading them. Thread: any. */
import { Duration } from '../../columns/values.js'
import type { ErrorCode } from '../../error-codes.js'
import { ShardlineError } from '../../errors.js'
import type { ArgType, PipelineNode, PropertyDef, ScriptValue } from '../../tickscript/node-def.js'
import { listOf } from './dimensions.js'

/** Throws a check's own text. */
export function fail(code: ErrorCode, text: string, status = 400): never {
  throw new ShardlineError(code, text, status)
}

export function valueField(name: string, type: ArgType, doc: string, value: ScriptValue | null): PropertyDef {
  return { name, doc, form: 'field', args: [{ name, type }], default: value }
}

export function textField(name: string, doc: string, value = ''): PropertyDef {
  return valueField(name, 'string', doc, value)
}

export function durationField(name: string, doc: string, ns = 0n): PropertyDef {
  return valueField(name, 'duration', doc, new Duration(ns))
}

export function flagField(name: string, doc: string): PropertyDef {
  return { name, doc, form: 'flag', args: [], default: false }
}

/** A method of two arguments that may be called again and again; a later call for the same name replaces the value. */
export function pairs(name: string, doc: string, key: [string, ArgType], value: [string, ArgType]): PropertyDef {
  return {
    name,
    doc,
    form: 'method',
    args: [
      { name: key[0], type: key[1] },
      { name: value[0], type: value[1] },
    ],
    apply(node, args) {
      const others = listOf(node.props[name]).filter((p) => !(Array.isArray(p) && p[0] === args[0]))
      node.props[name] = [...others, args]
    },
  }
}

/** What `pairs` has collected. */
export function pairsOf(node: PipelineNode, name: string): [string, ScriptValue][] {
  const out: [string, ScriptValue][] = []
  for (const p of listOf(node.props[name])) if (Array.isArray(p) && typeof p[0] === 'string') out.push([p[0], p[1]])
  return out
}

export function textOf(node: PipelineNode, name: string): string {
  const v = node.props[name]
  return typeof v === 'string' ? v : ''
}

export function intOf(node: PipelineNode, name: string): bigint {
  const v = node.props[name]
  return typeof v === 'bigint' ? v : 0n
}

/** A duration in ns. */
export function durationOf(node: PipelineNode, name: string): bigint {
  const v = node.props[name]
  return v instanceof Duration ? v.ns : 0n
}
