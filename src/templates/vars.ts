/** Vars of the task that a template reads as `.Vars.name`: a name that is no var is told before the first event. Thread: any. */

import { ShardlineError } from '../errors.js'
import { goQuote } from '../go/go-format.js'
import type { AnyNode, ListNode, Operand, Statement } from './nodes.js'
import { positionOf } from './nodes.js'
import { parseTemplate } from './parser.js'

/** Throws a ShardlineError for the first name that is not among `vars`. The template can be parsed. */
export function checkVars(name: string, source: string, vars: ReadonlySet<string>): void {
  const root = parseTemplate(name, source, () => true).get(name)?.root
  if (root === undefined || !source.includes('Vars')) return
  for (const { node, name: used } of usedIn(root, true)) {
    if (vars.has(used)) continue
    const { line, column } = positionOf(source, node.pos)
    const hint = vars.size === 0 ? undefined : `Templates can show ${[...vars].sort().join(', ')}.`
    const text = `template: ${name}:${line}:${column}: the task has no var ${goQuote(used)} that a template can show`
    throw new ShardlineError('template-syntax', text, 500, hint)
  }
}

interface Use {
  readonly node: AnyNode
  readonly name: string
}

/** `isRoot`: whether the dot is what the template was given. */
function* usedIn(list: ListNode, isRoot: boolean): Generator<Use> {
  for (const statement of list.nodes) yield* usedBy(statement, isRoot)
}

function* usedBy(n: Statement, isRoot: boolean): Generator<Use> {
  if (n.type === 'text') return
  if (n.pipe !== null) yield* usedFrom(n.pipe, isRoot)
  if (n.type === 'action' || n.type === 'template') return
  yield* usedIn(n.list, isRoot && n.type === 'if')
  if (n.elseList !== null) yield* usedIn(n.elseList, isRoot)
}

function* usedFrom(operand: Operand, isRoot: boolean): Generator<Use> {
  if (operand.type === 'chain') yield* usedFrom(operand.operand, isRoot)
  if (operand.type !== 'pipe') {
    const [first, used] = pathOf(operand, isRoot)
    if (first === 'Vars' && used !== undefined) yield { node: operand, name: used }
    return
  }
  for (const { args } of operand.commands) {
    for (const arg of args) yield* usedFrom(arg, isRoot)
    const [called, map, key] = args
    const isIndex = called.type === 'identifier' && called.name === 'index' && key?.type === 'string'
    if (isIndex && pathOf(map, isRoot).join('.') === 'Vars') yield { node: key, name: key.value }
  }
}

/** Names behind the given data; empty for anything else. */
function pathOf(operand: Operand, isRoot: boolean): readonly string[] {
  if (operand.type === 'field') return isRoot ? operand.names : []
  return operand.type === 'variable' && operand.names[0] === '$' ? operand.names.slice(1) : []
}
