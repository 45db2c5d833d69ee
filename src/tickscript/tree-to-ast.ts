/**
 * Reads the syntax tree of the Lezer parser into the AST, leaves first. Binary runs are flat in the tree: precedence is
 * applied here. The depth of what is built is limited, so that whoever walks the AST may recurse (chains apart, which are
 * walked in a loop). Thread: any.
 */
import type { Tree, TreeCursor } from '@lezer/common'
import type {
  BinaryNode,
  BinaryOp,
  Comment,
  Expression,
  FunctionNode,
  IdentifierNode,
  Program,
  ReferenceNode,
  Statement,
} from './ast.js'
import {
  durationLiteral,
  numberLiteral,
  parserError,
  referenceLiteral,
  regexLiteral,
  stringLiteral,
} from './literals.js'
import type { Source } from './positions.js'

/** Deepest AST; a run of n operators of one precedence is n deep. */
export const maxTreeDepth = 950

const precedence: Record<BinaryOp, number> = {
  '*': 5,
  '/': 5,
  '%': 5,
  '+': 4,
  '-': 4,
  '<': 3,
  '<=': 3,
  '>': 3,
  '>=': 3,
  '==': 2,
  '!=': 2,
  '=~': 2,
  '!~': 2,
  AND: 1,
  OR: 0,
}

const operators = {
  Plus: '+',
  Minus: '-',
  Mul: '*',
  Div: '/',
  Mod: '%',
  Equal: '==',
  NotEqual: '!=',
  RegexEqual: '=~',
  RegexNotEqual: '!~',
  Greater: '>',
  GreaterEqual: '>=',
  Less: '<',
  LessEqual: '<=',
  And: 'AND',
  Or: 'OR',
} as const

const links = {
  ChainCall: { op: '|', kind: 'chain' },
  Property: { op: '.', kind: 'property' },
  Dynamic: { op: '@', kind: 'dynamic' },
} as const

/** All regular expressions of a script together. */
const maxRegexTotal = 65_536

/** A token (node null where it is punctuation), or what was built from several. `from` is where its text starts. */
interface Part {
  readonly name: string
  readonly from: number
  readonly node: Statement | null
  /** The comment before a token that is no operand; the parent's to use or to drop. */
  readonly comment: Comment | undefined
  readonly depth: number
}

interface Operand {
  readonly node: Expression
  readonly from: number
  readonly depth: number
}

export function treeToAst(tree: Tree, source: Source): Program {
  return new Reader(tree, source).program()
}

export function treeToExpression(tree: Tree, source: Source): Expression {
  const program = new Reader(tree, source).program()
  return program.statements[0] as Expression
}

class Reader {
  private readonly cursor: TreeCursor
  private regexLength = 0
  /** Comment tokens read since the last other token. */
  private pending: string[] = []
  /** The comment before the last token, if that closes something: no node has it. */
  private closing: Comment | undefined

  constructor(
    tree: Tree,
    private readonly source: Source,
  ) {
    this.cursor = tree.cursor()
  }

  program(): Program {
    const statements = this.cursor.firstChild() ? this.siblings().map((part) => part.node!) : []
    const trailing = [this.closing, this.takeComment()].filter((comment) => comment !== undefined)
    return trailing.length === 0 ? { statements } : { statements, trailing }
  }

  /** Reads the node under the cursor and all after it, then returns to their parent. */
  private siblings(): Part[] {
    const parts: Part[] = []
    const cursor = this.cursor
    do {
      if (cursor.name === 'Comment') this.pending.push(this.source.text.slice(cursor.from, cursor.to))
      else parts.push(this.part())
    } while (cursor.nextSibling())
    cursor.parent()
    return parts
  }

  private part(): Part {
    const { name, from } = this.cursor
    if (!this.cursor.firstChild()) {
      const comment = this.takeComment()
      this.closing = name === 'ParenR' || name === 'BracketR' ? comment : undefined
      return { name, from, node: this.leaf(name, from, this.cursor.to, comment), comment, depth: 1 }
    }
    const parts = this.siblings()
    if (name === 'Binary') return { name, comment: undefined, ...this.binary(parts) }
    const depth = 1 + deepest(parts)
    this.checkDepth(depth, from)
    return { name, from, node: this.inner(name, parts), comment: parts[0].comment, depth }
  }

  private leaf(name: string, from: number, to: number, comment: Comment | undefined): Expression | null {
    const text = this.source.text.slice(from, to)
    const pos = this.source.position(from)
    const base = comment === undefined ? { pos } : { pos, comment }
    switch (name) {
      case 'Identifier':
        return { type: 'identifier', name: text, ...base }
      case 'Reference':
        return { type: 'reference', name: referenceLiteral(text), ...base }
      case 'Number': {
        const { value, octal } = numberLiteral(text)
        return octal ? { type: 'number', value, octal, ...base } : { type: 'number', value, ...base }
      }
      case 'String':
        return { type: 'string', ...stringLiteral(text), ...base }
      case 'Duration':
        return { type: 'duration', ns: durationLiteral(text), literal: text, ...base }
      case 'Regex':
        this.chargeRegex(text, from)
        return { type: 'regex', ...regexLiteral(text), ...base }
      case 'True':
      case 'False':
        return { type: 'bool', value: name === 'True', ...base }
      case 'Star':
        return { type: 'star', ...base }
      default:
        return null
    }
  }

  private inner(name: string, parts: Part[]): Statement {
    const first = parts[0]
    const pos = this.source.position(first.from)
    const base = first.comment === undefined ? { pos } : { pos, comment: first.comment }
    const node = (i: number) => parts[i].node as Expression
    switch (name) {
      case 'Declaration':
        return { type: 'declaration', name: node(1) as IdentifierNode, value: node(3), ...base }
      case 'TypeDeclaration':
        return {
          type: 'typeDeclaration',
          name: node(1) as IdentifierNode,
          varType: node(2) as IdentifierNode,
          ...base,
        }
      case 'Dbrp':
        return { type: 'dbrp', db: node(1) as ReferenceNode, rp: node(3) as ReferenceNode, ...base }
      case 'Lambda':
        return { type: 'lambda', expression: node(1), ...base }
      case 'List':
        return { type: 'list', items: expressions(parts), ...base }
      case 'Unary':
        // A comment before the operator is dropped.
        return { type: 'unary', op: first.name === 'Minus' ? '-' : '!', operand: node(1), pos }
      case 'Paren':
        return paren(first.comment, node(1))
      case 'Call':
        return this.call(parts, 'global', first.comment)
      case 'InnerCall':
        return this.call(parts, 'global', undefined)
      case 'Chain':
        return this.chain(parts)
      default: {
        // A link: its operator, then a name or a call.
        const right = parts.slice(1)
        return right.length === 1 ? node(1) : this.call(right, links[name as keyof typeof links].kind, right[0].comment)
      }
    }
  }

  /** parts: name, parenthesis, arguments and commas, parenthesis. */
  private call(parts: Part[], kind: FunctionNode['kind'], comment: Comment | undefined): FunctionNode {
    const name = parts[0]
    const args = parts.slice(1).filter((part) => part.node !== null)
    const last = args[args.length - 1]
    return {
      type: 'function',
      name: (name.node as IdentifierNode).name,
      args: expressions(args),
      multiLine: last !== undefined && name.node!.pos.line !== last.node!.pos.line,
      kind,
      pos: this.source.position(name.from),
      ...(comment === undefined ? {} : { comment }),
    }
  }

  private chain(parts: Part[]): Expression {
    let left = parts[0].node as Expression
    for (const link of parts.slice(1)) {
      const pos = this.source.position(link.from)
      left = {
        type: 'chain',
        left,
        op: links[link.name as keyof typeof links].op,
        right: link.node as FunctionNode | IdentifierNode,
        pos,
        ...(link.comment === undefined ? {} : { comment: link.comment }),
      }
    }
    return left
  }

  /** Operands and operators in turn; all operators are left associative. */
  private binary(parts: Part[]): Operand {
    const operands: Operand[] = [operand(parts[0])]
    const operators: Part[] = []
    const reduce = (atLeast: number) => {
      while (operators.length > 0 && precedence[this.operator(operators.at(-1)!)] >= atLeast) {
        const right = operands.pop()!
        const left = operands.pop()!
        operands.push(this.join(left, operators.pop()!, right))
      }
    }
    for (let i = 1; i < parts.length; i += 2) {
      reduce(precedence[this.operator(parts[i])])
      operators.push(parts[i])
      operands.push(operand(parts[i + 1]))
    }
    reduce(0)
    return operands[0]
  }

  private join(left: Operand, operator: Part, right: Operand): Operand {
    const depth = 1 + Math.max(left.depth, right.depth)
    this.checkDepth(depth, operator.from)
    const node: BinaryNode = {
      type: 'binary',
      op: this.operator(operator),
      left: left.node,
      right: right.node,
      parens: false,
      // A binary operand counts from its operator.
      multiLine: left.node.pos.line !== right.node.pos.line,
      pos: this.source.position(operator.from),
      ...(operator.comment === undefined ? {} : { comment: operator.comment }),
    }
    return { node, from: left.from, depth }
  }

  private operator(part: Part): BinaryOp {
    return operators[part.name as keyof typeof operators]
  }

  private chargeRegex(text: string, from: number): void {
    this.regexLength += text.length
    if (this.regexLength <= maxRegexTotal) return
    const { line, char } = this.source.position(from)
    throw parserError(
      `regular expressions have more than ${maxRegexTotal} characters together line ${line} char ${char}`,
    )
  }

  private checkDepth(depth: number, from: number): void {
    if (depth <= maxTreeDepth) return
    const { line, char } = this.source.position(from)
    throw parserError(`expression is nested deeper than ${maxTreeDepth} line ${line} char ${char}`)
  }

  private takeComment(): Comment | undefined {
    if (this.pending.length === 0) return undefined
    const groups = this.pending.map((text) => text.split('\n').map(commentLine))
    this.pending = []
    return { groups }
  }
}

function commentLine(line: string): string {
  return line.trim().replace(/^\/\/ ?/, '')
}

function deepest(parts: Part[]): number {
  let depth = 0
  for (const part of parts) depth = Math.max(depth, part.depth)
  return depth
}

function expressions(parts: Part[]): Expression[] {
  return parts.flatMap((part) => (part.node === null ? [] : [part.node as Expression]))
}

function operand(part: Part): Operand {
  return { node: part.node as Expression, from: part.from, depth: part.depth }
}

/**
 * Parentheses stay only around binary expressions. The comment before them takes the place of the one that the
 * expression itself has: before a binary operator, or before a lone operand.
 */
function paren(comment: Comment | undefined, inner: Expression): Expression {
  const { comment: _, ...rest } = inner
  const node: Expression = rest.type === 'binary' ? { ...rest, parens: true } : rest
  return comment === undefined ? node : { ...node, comment }
}
