/** Handlers as TICKscript sees them, made from their definitions: methods of alert nodes, their arguments and properties. Thread: any. */
import type {
  ArgDef,
  HandlerCall,
  HandlerPropertyDef,
  HandlerDef as ScriptMethod,
  ScriptValue,
} from '../tickscript/node-def.js'
import type { HandlerDef } from './handler.js'
import type { HandlerOption } from './handler-option.js'

type Named = readonly [string, HandlerOption<unknown>]

/** null: scripts do not have it. */
export function scriptMethod(def: HandlerDef): ScriptMethod | null {
  const { kind, doc, script } = def
  if (script === null) return null
  const options: Named[] = Object.entries(def.options)
  const isArgument = ([, o]: Named): boolean => o.names.script === 'argument' || o.names.script === 'both'
  const isProperty = ([, o]: Named): boolean => o.names.script !== 'argument' && o.names.script !== 'none'
  const taken = options.filter(isArgument)
  const args = taken.flatMap(([name, o]) => o.script.args(name))
  const properties = options.filter(isProperty).map(propertyOf)
  return {
    kind,
    method: script.method,
    goType: script.goType,
    doc,
    args,
    properties,
    construct: (call, values) => takeArguments(call, taken, values),
    validate: (call) => def.define?.(optionValues(def, call.props)),
  }
}

/** A list takes all that is left. */
function takeArguments(call: HandlerCall, options: readonly Named[], values: ScriptValue[]): void {
  const rest = values.flat()
  for (const [name, option] of options) {
    if (option.script.next !== undefined) call.props[name] = option.script.next(undefined, rest.splice(0))
    else if (rest.length > 0) call.props[name] = rest.shift() as ScriptValue
  }
}

function propertyOf([name, { doc, script }]: Named): HandlerPropertyDef {
  const { form, next } = script
  const args: readonly ArgDef[] = script.args(name)
  if (next === undefined) return { name, doc, form, args }
  return {
    name,
    doc,
    form,
    args,
    apply(call, values) {
      call.props[name] = next(call.props[name], values)
    },
  }
}

/** What `create` of the kind gets: the values of a call or of a decoded spec, and what stands for those that are missing. */
export function optionValues(def: HandlerDef, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const [name, option] of Object.entries(def.options)) values[name] = given[name] ?? option.initial
  return values
}
