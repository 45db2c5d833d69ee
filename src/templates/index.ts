/**
 * Go templates: `compileTextTemplate` for ids, messages and handler texts, `compileHtmlTemplate` for details (escaping by
 * context, functions `json` and `safeHTML`). Parse errors and execution errors are ShardlineErrors with the original's texts.
 * Thread: any.
 */
import { ShardlineError } from '../errors.js'
import { Executor } from './exec.js'
import { builtins, jsonFunction, jsonTextFunction, safeHtmlFunction, type TemplateFunction } from './functions.js'
import { EscapeError } from './html/escape-error.js'
import { escaperFunctions } from './html/escapers.js'
import { rewriteTrees } from './html/rewrite.js'
import type { TemplateTree } from './nodes.js'
import { parseTemplate } from './parser.js'
import { GoStruct, type TemplateValue } from './values.js'

export { templateValue } from './exec.js'
export { GoList, GoMap, GoStruct, type TemplateValue } from './values.js'

export type TemplateFunctions = Readonly<Record<string, TemplateFunction>>

export interface Template {
  /** Throws a ShardlineError (`template-execution`) with the full text of the original. */
  execute(data: TemplateValue): string
}

export interface HtmlTemplate extends Template {
  /** Why no execution can succeed: it would write HTML that cannot be escaped. null: it can be. */
  readonly flaw: string | null
}

/** Function set of templates that have `json` in plain text: post URLs, inline endpoint templates. */
export const jsonFunctions: TemplateFunctions = { json: jsonTextFunction }

const htmlFunctions: TemplateFunctions = { json: jsonFunction, safeHTML: safeHtmlFunction }

function finder(...sets: TemplateFunctions[]): (name: string) => TemplateFunction | undefined {
  return (name) => sets.find((set) => Object.hasOwn(set, name))?.[name]
}

export function compileTextTemplate(name: string, source: string, functions: TemplateFunctions = {}): Template {
  const find = finder(functions, builtins)
  const trees = parseTemplate(name, source, (f) => find(f) !== undefined)
  const only = trees.get(name)?.root.nodes ?? []
  if (only.every((n) => n.type === 'text')) {
    const text = only.map((n) => n.text).join('')
    return { execute: () => text }
  }
  return { execute: (data) => new Executor(name, source, trees, find).run(data) }
}

export function compileHtmlTemplate(name: string, source: string): HtmlTemplate {
  const find = finder(htmlFunctions, builtins)
  const trees = parseTemplate(name, source, (f) => find(f) !== undefined)
  const findAll = finder(htmlFunctions, builtins, escaperFunctions)
  let escaped: ReadonlyMap<string, TemplateTree> | string | null = null
  const escapeOnce = () => {
    escaped ??= escapedTrees(name, source, trees)
    return escaped
  }
  return {
    get flaw() {
      const result = escapeOnce()
      return typeof result === 'string' ? result : null
    },
    execute(data) {
      const result = escapeOnce()
      if (typeof result === 'string') throw new ShardlineError('template-execution', result)
      return new Executor(name, source, result, findAll).run(data)
    },
  }
}

/** The text of the error when a value stands where it cannot be escaped. */
function escapedTrees(
  name: string,
  source: string,
  trees: ReadonlyMap<string, TemplateTree>,
): ReadonlyMap<string, TemplateTree> | string {
  try {
    return rewriteTrees(trees, name)
  } catch (err) {
    if (err instanceof EscapeError) return err.textFor(name, source)
    throw err
  }
}

/** A struct from an object, fields in the object's order. */
export function goStruct(typeName: string, fields: Record<string, TemplateValue>): GoStruct {
  return new GoStruct(typeName, new Map(Object.entries(fields)))
}
