/**
 * Go templates: `compileTextTemplate` for ids, messages and handler texts, `compileHtmlTemplate` for details (escaping by
 * context, function `json`). Parse errors and execution errors are ShardlineErrors with the original's texts. Any thread.
 */
import { Executor, type Output } from './exec.js'
import { builtins, jsonFunction, jsonTextFunction, type TemplateFunction } from './functions.js'
import { HtmlOutput } from './html.js'
import { parseTemplate } from './parser.js'
import { valueText } from './print.js'
import { GoStruct, type TemplateValue } from './values.js'

export { templateValue } from './exec.js'
export { GoList, GoMap, GoStruct, type TemplateValue } from './values.js'

export type TemplateFunctions = Readonly<Record<string, TemplateFunction>>

export interface Template {
  /** Throws a ShardlineError (`template-execution`) with the full text of the original. */
  execute(data: TemplateValue): string
}

/** Function set of templates that have `json` in plain text: post URLs, inline endpoint templates. */
export const jsonFunctions: TemplateFunctions = { json: jsonTextFunction }

class TextOutput implements Output {
  out = ''
  get length(): number {
    return this.out.length
  }
  text(s: string): void {
    this.out += s
  }
  value(v: TemplateValue): void {
    this.out += v === undefined ? '<no value>' : valueText(v)
  }
}

export function compileTextTemplate(name: string, source: string, functions: TemplateFunctions = {}): Template {
  const find = (f: string) =>
    Object.hasOwn(functions, f) ? functions[f] : Object.hasOwn(builtins, f) ? builtins[f] : undefined
  const trees = parseTemplate(name, source, (f) => find(f) !== undefined)
  const only = trees.get(name)!.root.nodes
  if (only.every((n) => n.type === 'text')) {
    const text = only.map((n) => (n.type === 'text' ? n.text : '')).join('')
    return { execute: () => text }
  }
  return {
    execute(data) {
      const out = new TextOutput()
      new Executor(name, source, trees, find, out).run(data)
      return out.out
    },
  }
}

/** `html` at the end of a pipeline would escape twice: escaping is the output's business here. */
const htmlFunctions: TemplateFunctions = {
  ...builtins,
  json: jsonFunction,
  html: { params: [], variadic: true, call: (args) => args.map((a) => (a === undefined ? '' : valueText(a))).join('') },
}

export function compileHtmlTemplate(name: string, source: string): Template {
  const find = (f: string) => (Object.hasOwn(htmlFunctions, f) ? htmlFunctions[f] : undefined)
  const trees = parseTemplate(name, source, (f) => find(f) !== undefined)
  return {
    execute(data) {
      const out = new HtmlOutput()
      new Executor(name, source, trees, find, out).run(data)
      return out.result()
    },
  }
}

/** A struct from an object, fields in the object's order. */
export function goStruct(typeName: string, fields: Record<string, TemplateValue>): GoStruct {
  return new GoStruct(typeName, new Map(Object.entries(fields)))
}
