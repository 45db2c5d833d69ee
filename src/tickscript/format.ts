/** The canonical form of a script (spec section 11). Formatting it again settles after a few rounds at most. Thread: any. */
import type { BinaryNode, ChainNode, Comment, Expression, FunctionNode, Program, Statement } from './ast.js'
import { parse } from './parser.js'

const step = '    '

/** Throws ShardlineError when the script does not parse. */
export function format(source: string): string {
  return formatProgram(parse(source))
}

export function formatProgram(program: Program): string {
  const out = new Printer()
  program.statements.forEach((statement, i) => {
    if (i > 0) out.text('\n')
    out.statement(statement)
    out.text('\n')
  })
  // A block of its own, so the empty line after each statement follows it too.
  program.trailing?.forEach((comment, i) => {
    if (i + program.statements.length > 0) out.text('\n')
    out.comment(comment, '')
    out.text('\n')
  })
  return out.toString()
}

/** An expression on its own, as in defaults of lambda vars. */
export function formatExpression(expression: Expression): string {
  const out = new Printer()
  out.expression(expression, '')
  return out.toString()
}

class Printer {
  private readonly parts: string[] = []
  private fresh = true

  text(text: string): void {
    if (text === '') return
    this.parts.push(text)
    this.fresh = text.endsWith('\n')
  }

  toString(): string {
    return this.parts.join('')
  }

  /** Ends the line if something is on it, then prints the lines, each at `indent`. */
  comment(comment: Comment | undefined, indent: string): void {
    if (comment === undefined) return
    if (!this.fresh) this.text('\n')
    comment.groups.forEach((lines, i) => {
      if (i > 0) this.text('\n')
      for (const line of lines) this.text(line === '' ? `${indent}//\n` : `${indent}// ${line}\n`)
    })
  }

  statement(statement: Statement): void {
    switch (statement.type) {
      case 'declaration':
        this.comment(statement.comment, '')
        this.text('var ')
        this.expression(statement.name, '')
        this.text(' = ')
        this.expression(statement.value, '')
        return
      case 'typeDeclaration':
        this.comment(statement.comment, '')
        this.text('var ')
        this.expression(statement.name, '')
        this.text(' ')
        this.expression(statement.varType, '')
        return
      case 'dbrp':
        this.comment(statement.comment, '')
        // Quotes inside the names are not escaped again, as in the original.
        this.text(`dbrp "${statement.db.name}"."${statement.rp.name}"`)
        return
      default:
        this.expression(statement, '')
    }
  }

  expression(node: Expression, indent: string): void {
    if (node.type === 'chain') {
      this.chain(node, indent)
      return
    }
    this.comment(node.comment, indent)
    const startsLine = this.fresh
    if (startsLine) this.text(indent)
    switch (node.type) {
      case 'binary':
        this.binary(node, indent)
        return
      case 'unary':
        this.text(node.op)
        this.expression(node.operand, indent)
        return
      case 'lambda':
        this.text('lambda: ')
        this.expression(node.expression, indent)
        return
      case 'list':
        this.text('[')
        node.items.forEach((item, i) => {
          if (i > 0) this.text(', ')
          // As in the original: the items of a list that starts a line are written as if each started one too.
          this.fresh = startsLine
          this.expression(item, indent)
        })
        this.text(']')
        return
      case 'function':
        this.call(node, indent)
        return
      default:
        this.text(literal(node))
    }
  }

  private binary(node: BinaryNode, indent: string): void {
    if (node.parens) {
      this.text('(')
      indent += step
    }
    this.expression(node.left, indent)
    this.text(node.multiLine ? ` ${node.op}\n` : ` ${node.op} `)
    this.expression(node.right, indent)
    if (node.parens) this.text(')')
  }

  private call(node: FunctionNode, indent: string): void {
    this.text(`${node.name}(`)
    node.args.forEach((arg, i) => {
      if (i > 0) this.text(node.multiLine ? ',' : ', ')
      if (node.multiLine) this.text('\n')
      this.expression(arg, indent + step)
    })
    if (node.multiLine) this.text(`\n${indent}`)
    this.text(')')
  }

  private chain(node: ChainNode, indent: string): void {
    const links: ChainNode[] = []
    let root: Expression = node
    while (root.type === 'chain') {
      links.push(root)
      root = root.left
    }
    this.expression(root, indent)
    for (const link of links.reverse()) {
      const at = indent + (link.op === '.' ? step + step : step)
      if (!this.fresh) this.text('\n')
      this.comment(link.comment, at)
      this.text(at + link.op)
      this.expression(link.right, at)
    }
  }
}

function literal(node: Expression): string {
  switch (node.type) {
    case 'identifier':
      return node.name
    case 'reference':
      return `"${node.name.replaceAll('"', '\\"')}"`
    case 'number':
      return typeof node.value === 'number'
        ? floatText(node.value)
        : node.octal === true
          ? `0${node.value.toString(8)}`
          : String(node.value)
    case 'string':
      return node.triple ? `'''${node.value}'''` : `'${node.value.replaceAll("'", "\\'")}'`
    case 'duration':
      return node.literal
    case 'regex':
      return `/${node.literal}/`
    case 'bool':
      return node.value ? 'TRUE' : 'FALSE'
    default:
      return '*'
  }
}

/** Shortest decimal that reads back the same, never an exponent, at least `.0`. */
export function floatText(value: number): string {
  const text = String(value)
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text)
  if (match === null) return text.includes('.') ? text : `${text}.0`
  const [, sign, lead, rest = '', exponentText] = match
  const digits = lead! + rest
  const exponent = Number(exponentText)
  return exponent < 0
    ? `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
    : `${sign}${digits.padEnd(exponent + 1, '0')}.0`
}
