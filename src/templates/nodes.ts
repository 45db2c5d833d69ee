/**
 * The tree of a parsed template. `pos` is the UTF-16 offset that error texts point at; `sourceOf` prints a node the way error
 * texts quote it. Thread: any.
 */
import { goQuote } from '../go/go-format.js'
import type { GoInt } from './values.js'

export interface TextNode {
  readonly type: 'text'
  readonly pos: number
  readonly text: string
}
export interface ActionNode {
  readonly type: 'action'
  readonly pos: number
  readonly pipe: PipeNode
}
export interface BranchNode {
  readonly type: 'if' | 'range' | 'with'
  readonly pos: number
  readonly pipe: PipeNode
  readonly list: ListNode
  readonly elseList: ListNode | null
}
export interface TemplateNode {
  readonly type: 'template'
  readonly pos: number
  readonly name: string
  readonly pipe: PipeNode | null
}
export type Statement = TextNode | ActionNode | BranchNode | TemplateNode

export interface ListNode {
  readonly type: 'list'
  readonly pos: number
  readonly nodes: Statement[]
}

export interface PipeNode {
  readonly type: 'pipe'
  readonly pos: number
  readonly decls: readonly VariableNode[]
  readonly isAssign: boolean
  readonly commands: readonly CommandNode[]
}
export interface CommandNode {
  readonly type: 'command'
  readonly pos: number
  readonly args: readonly Operand[]
}
export interface FieldNode {
  readonly type: 'field'
  readonly pos: number
  readonly names: readonly string[]
}
export interface VariableNode {
  readonly type: 'variable'
  readonly pos: number
  /** `$x` and the fields behind it. */
  readonly names: readonly string[]
}
export interface ChainNode {
  readonly type: 'chain'
  readonly pos: number
  readonly operand: Operand
  readonly names: readonly string[]
}
export interface IdentifierNode {
  readonly type: 'identifier'
  readonly pos: number
  readonly name: string
}
export interface DotNode {
  readonly type: 'dot'
  readonly pos: number
}
export interface NilNode {
  readonly type: 'nil'
  readonly pos: number
}
export interface BoolNode {
  readonly type: 'bool'
  readonly pos: number
  readonly value: boolean
}
export interface NumberNode {
  readonly type: 'number'
  readonly pos: number
  readonly text: string
  readonly value: GoInt | number
}
export interface StringNode {
  readonly type: 'string'
  readonly pos: number
  /** With its quotes. */
  readonly quoted: string
  readonly value: string
}

export type Operand =
  | FieldNode
  | VariableNode
  | ChainNode
  | IdentifierNode
  | DotNode
  | NilNode
  | BoolNode
  | NumberNode
  | StringNode
  | PipeNode

export type AnyNode = Statement | ListNode | CommandNode | Operand

export interface TemplateTree {
  readonly name: string
  readonly root: ListNode
}

/** Line from 1, column from 0 in bytes. */
export function positionOf(source: string, pos: number): { line: number; column: number } {
  const before = source.slice(0, pos)
  const lineStart = before.lastIndexOf('\n') + 1
  return { line: before.split('\n').length, column: Buffer.byteLength(before.slice(lineStart)) }
}

export function sourceOf(n: AnyNode): string {
  switch (n.type) {
    case 'text':
      return n.text
    case 'action':
      return `{{${sourceOf(n.pipe)}}}`
    case 'if':
    case 'range':
    case 'with': {
      const rest = n.elseList === null ? '' : `{{else}}${sourceOf(n.elseList)}`
      return `{{${n.type} ${sourceOf(n.pipe)}}}${sourceOf(n.list)}${rest}{{end}}`
    }
    case 'template':
      return `{{template ${goQuote(n.name)}${n.pipe === null ? '' : ` ${sourceOf(n.pipe)}`}}}`
    case 'list':
      return n.nodes.map(sourceOf).join('')
    case 'pipe': {
      const decls = n.decls.length === 0 ? '' : `${n.decls.map(sourceOf).join(', ')} := `
      return decls + n.commands.map(sourceOf).join(' | ')
    }
    case 'command':
      return n.args.map((a) => (a.type === 'pipe' ? `(${sourceOf(a)})` : sourceOf(a))).join(' ')
    case 'field':
      return n.names.map((x) => `.${x}`).join('')
    case 'variable':
      return n.names.join('.')
    case 'chain': {
      const operand = n.operand.type === 'pipe' ? `(${sourceOf(n.operand)})` : sourceOf(n.operand)
      return operand + n.names.map((x) => `.${x}`).join('')
    }
    case 'identifier':
      return n.name
    case 'dot':
      return '.'
    case 'nil':
      return 'nil'
    case 'bool':
      return n.value ? 'true' : 'false'
    case 'number':
      return n.text
    case 'string':
      return n.quoted
  }
}
