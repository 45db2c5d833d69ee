/**
 * Parses a Go text/template into trees: the main one and those of `define` and `block`. Errors are ShardlineErrors with the
 * original's text, `template: message:1: unclosed action`. Thread: any.
 */

import { ShardlineError } from '../errors.js'
import { goQuote } from '../go/go-format.js'
import { type Token, type TokenType, tokenize } from './lexer.js'
import type {
  BranchNode,
  ChainNode,
  CommandNode,
  ListNode,
  Operand,
  PipeNode,
  Statement,
  TemplateNode,
  TemplateTree,
  VariableNode,
} from './nodes.js'
import { sourceOf } from './nodes.js'
import { GoInt } from './values.js'

/** Deeper nesting of blocks and parentheses is refused, so that neither the parser nor the executor runs out of stack. */
const maxNesting = 200

type Ending = { readonly type: 'end' | 'else' | 'eof' }

export function parseTemplate(
  name: string,
  source: string,
  hasFunction: (name: string) => boolean,
): Map<string, TemplateTree> {
  const trees = new Map<string, TemplateTree>()
  new Parser(name, source, hasFunction, trees).parse()
  return trees
}

class Parser {
  private readonly tokens: Token[]
  private at = 0
  /** The last token looked at: errors name its line. */
  private seen = 0
  private variables: string[] = ['$']
  private nesting = 0

  constructor(
    private readonly name: string,
    source: string,
    private readonly hasFunction: (name: string) => boolean,
    private readonly trees: Map<string, TemplateTree>,
  ) {
    this.tokens = tokenize(source)
  }

  parse(): void {
    const nodes: Statement[] = []
    while (this.peek().type !== 'eof') {
      if (this.peek().type === 'left' && this.isDefine()) {
        this.define()
        continue
      }
      const n = this.textOrAction()
      if ('ending' in n) this.fail(`unexpected {{${n.ending.type}}}`)
      else nodes.push(n)
    }
    this.add(this.name, { type: 'list', pos: 0, nodes })
  }

  private fail(message: string): never {
    const { line } = this.tokens[this.seen]
    throw new ShardlineError('template-syntax', `template: ${this.name}:${line}: ${message}`)
  }

  private add(name: string, root: ListNode): void {
    const old = this.trees.get(name)
    const isEmpty = (l: ListNode) => l.nodes.every((n) => n.type === 'text' && n.text.trim() === '')
    if (old === undefined || isEmpty(old.root)) this.trees.set(name, { name, root })
    else if (!isEmpty(root)) {
      this.fail(`template: multiple definition of template ${goQuote(name)}`)
    }
  }

  private next(): Token {
    const t = this.peek()
    this.at++
    return t
  }

  private peek(): Token {
    const i = Math.min(this.at, this.tokens.length - 1)
    this.seen = Math.max(this.seen, i)
    return this.tokens[i]
  }

  private peekNonSpace(): Token {
    while (this.peek().type === 'space') this.at++
    return this.peek()
  }

  private nextNonSpace(): Token {
    this.peekNonSpace()
    return this.next()
  }

  private expect(type: TokenType, context: string): Token {
    const t = this.nextNonSpace()
    if (t.type !== type) this.unexpected(t, context)
    return t
  }

  private unexpected(t: Token, context: string): never {
    this.fail(t.type === 'error' ? t.text : `unexpected ${describe(t)} in ${context}`)
  }

  private enter(): void {
    if (++this.nesting > maxNesting) this.fail('template is nested too deeply')
  }

  private isDefine(): boolean {
    let i = this.at + 1
    while (this.tokens[i]?.type === 'space') i++
    return this.tokens[i]?.type === 'keyword' && this.tokens[i].text === 'define'
  }

  private define(): void {
    this.next()
    this.nextNonSpace()
    const { name } = this.templateName('define clause')
    this.expect('right', 'define clause')
    const outer = this.variables
    this.variables = ['$']
    const [list, ending] = this.items()
    if (ending.type !== 'end') this.fail(`unexpected {{else}} in define clause`)
    this.variables = outer
    this.add(name, list)
  }

  private templateName(context: string): { pos: number; name: string } {
    const t = this.nextNonSpace()
    if (t.type !== 'string' && t.type !== 'raw') this.unexpected(t, context)
    return { pos: t.pos, name: this.unquote(t) }
  }

  private items(): [ListNode, Ending] {
    const list: ListNode = { type: 'list', pos: this.peek().pos, nodes: [] }
    this.enter()
    while (this.peek().type !== 'eof') {
      const n = this.textOrAction()
      if ('ending' in n) {
        this.nesting--
        return [list, n.ending]
      }
      list.nodes.push(n)
    }
    this.next()
    this.fail('unexpected EOF')
  }

  private textOrAction(): Statement | { ending: Ending } {
    const t = this.next()
    if (t.type === 'text') return { type: 'text', pos: t.pos, text: t.text }
    if (t.type === 'left') return this.action()
    this.unexpected(t, 'input')
  }

  private action(): Statement | { ending: Ending } {
    const t = this.nextNonSpace()
    if (t.type === 'keyword') {
      switch (t.text) {
        case 'if':
        case 'range':
        case 'with':
          return this.branch(t.text)
        case 'else': {
          const p = this.peekNonSpace()
          if (!(p.type === 'keyword' && p.text === 'if')) this.expect('right', 'else')
          return { ending: { type: 'else' } }
        }
        case 'end':
          this.expect('right', 'end')
          return { ending: { type: 'end' } }
        case 'template': {
          const { pos, name } = this.templateName('template clause')
          let pipe: PipeNode | null = null
          if (this.nextNonSpace().type !== 'right') {
            this.at--
            pipe = this.pipeline('template clause', 'right')
          }
          return { type: 'template', pos, name, pipe }
        }
        case 'block':
          return this.block()
      }
    }
    this.at--
    const pos = this.peek().pos
    return { type: 'action', pos, pipe: this.pipeline('command', 'right') }
  }

  private block(): TemplateNode {
    const { pos, name } = this.templateName('block clause')
    const pipe = this.pipeline('block clause', 'right')
    const outer = this.variables
    this.variables = ['$']
    const [list, ending] = this.items()
    if (ending.type !== 'end') this.fail(`unexpected {{else}} in block clause`)
    this.variables = outer
    this.add(name, list)
    return { type: 'template', pos, name, pipe }
  }

  private branch(type: BranchNode['type']): BranchNode {
    const depth = this.variables.length
    const pipe = this.pipeline(type, 'right')
    const [list, ending] = this.items()
    let elseList: ListNode | null = null
    if (ending.type === 'else') {
      const p = this.peek()
      if (type === 'if' && p.type === 'keyword' && p.text === 'if') {
        // {{else if}}: one {{end}} closes both.
        this.next()
        this.enter()
        elseList = { type: 'list', pos: p.pos, nodes: [this.branch('if')] }
        this.nesting--
      } else {
        const [rest, last] = this.items()
        if (last.type !== 'end') this.fail(`expected end; found {{${last.type}}}`)
        elseList = rest
      }
    }
    this.variables.length = depth
    return { type, pos: pipe.pos, pipe, list, elseList }
  }

  private pipeline(context: string, end: 'right' | ')'): PipeNode {
    const pos = this.peekNonSpace().pos
    const { decls, isAssign } = this.declarations(context)
    const commands: CommandNode[] = []
    for (;;) {
      const t = this.nextNonSpace()
      if (t.type === end) {
        this.checkPipeline(commands, context)
        return { type: 'pipe', pos, decls, isAssign, commands }
      }
      if (t.type === 'right' || t.type === ')') this.unexpected(t, context)
      if (!operandStart.has(t.type)) this.unexpected(t, context)
      this.at--
      commands.push(this.command())
    }
  }

  private declarations(context: string): { decls: VariableNode[]; isAssign: boolean } {
    const decls: VariableNode[] = []
    for (;;) {
      const v = this.peekNonSpace()
      if (v.type !== 'variable') return { decls, isAssign: false }
      const mark = this.at
      this.next()
      const after = this.peekNonSpace()
      if (after.type === 'assign' || after.type === 'declare') {
        this.next()
        decls.push({ type: 'variable', pos: v.pos, names: [v.text] })
        if (after.type === 'declare') this.variables.push(v.text)
        else this.checkVariable(v.text)
        return { decls, isAssign: after.type === 'assign' }
      }
      if (after.type !== ',') {
        this.at = mark
        return { decls, isAssign: false }
      }
      this.next()
      decls.push({ type: 'variable', pos: v.pos, names: [v.text] })
      this.variables.push(v.text)
      if (context !== 'range' || decls.length >= 2) this.fail(`too many declarations in ${context}`)
      if (this.peekNonSpace().type !== 'variable') this.fail('range can only initialize variables')
    }
  }

  private checkPipeline(commands: readonly CommandNode[], context: string): void {
    if (commands.length === 0) this.fail(`missing value for ${context}`)
    for (let i = 1; i < commands.length; i++) {
      const type = commands[i].args[0].type
      if (type === 'bool' || type === 'dot' || type === 'nil' || type === 'number' || type === 'string')
        this.fail(`non executable command in pipeline stage ${i + 1}`)
    }
  }

  private command(): CommandNode {
    const pos = this.peekNonSpace().pos
    const args: Operand[] = []
    for (;;) {
      this.peekNonSpace()
      const operand = this.operand()
      if (operand !== null) args.push(operand)
      const t = this.next()
      if (t.type === 'space') continue
      if (t.type === 'error') this.fail(t.text)
      if (t.type === 'right' || t.type === ')') this.at--
      else if (t.type !== 'pipe') this.fail(`unexpected ${describe(t)} in operand`)
      break
    }
    if (args.length === 0) this.fail('empty command')
    return { type: 'command', pos, args }
  }

  private operand(): Operand | null {
    const node = this.term()
    if (node === null || this.peek().type !== 'field') return node
    const pos = this.peek().pos
    const names: string[] = []
    while (this.peek().type === 'field') names.push(this.next().text.slice(1))
    switch (node.type) {
      case 'field':
        return { type: 'field', pos, names: [...node.names, ...names] }
      case 'variable':
        return { type: 'variable', pos, names: [...node.names, ...names] }
      case 'bool':
      case 'string':
      case 'number':
      case 'nil':
      case 'dot':
        this.fail(`unexpected . after term ${goQuote(sourceOf(node))}`)
    }
    const chain: ChainNode = { type: 'chain', pos, operand: node, names }
    return chain
  }

  private term(): Operand | null {
    const t = this.nextNonSpace()
    switch (t.type) {
      case 'error':
        this.fail(t.text)
        break
      case 'identifier':
        if (!this.hasFunction(t.text)) this.fail(`function ${goQuote(t.text)} not defined`)
        return { type: 'identifier', pos: t.pos, name: t.text }
      case 'dot':
        return { type: 'dot', pos: t.pos }
      case 'nil':
        return { type: 'nil', pos: t.pos }
      case 'variable':
        this.checkVariable(t.text)
        return { type: 'variable', pos: t.pos, names: [t.text] }
      case 'field':
        return { type: 'field', pos: t.pos, names: [t.text.slice(1)] }
      case 'bool':
        return { type: 'bool', pos: t.pos, value: t.text === 'true' }
      case 'char':
      case 'number':
        return { type: 'number', pos: t.pos, text: t.text, value: this.number(t) }
      case 'string':
      case 'raw':
        return { type: 'string', pos: t.pos, quoted: t.text, value: this.unquote(t) }
      case '(': {
        this.enter()
        const pipe = this.pipeline('parenthesized pipeline', ')')
        this.nesting--
        return pipe
      }
    }
    this.at--
    return null
  }

  private checkVariable(name: string): void {
    if (!this.variables.includes(name)) this.fail(`undefined variable ${goQuote(name)}`)
  }

  private unquote(t: Token): string {
    if (t.type === 'raw') return t.text.slice(1, -1).replaceAll('\r', '')
    const s = resolveEscapes(t.text.slice(1, -1), '"')
    if (s === null) this.fail('invalid syntax')
    return s
  }

  private number(t: Token): GoInt | number {
    if (t.type === 'char') {
      const s = resolveEscapes(t.text.slice(1, -1), "'")
      if (s === null || [...s].length !== 1) this.fail(`malformed character constant: ${t.text}`)
      return GoInt.of(s.codePointAt(0) ?? 0)
    }
    const v = parseNumber(t.text)
    if (v === null) this.fail(`illegal number syntax: ${goQuote(t.text)}`)
    return v
  }
}

const operandStart = new Set<TokenType>([
  'bool',
  'char',
  'dot',
  'field',
  'identifier',
  'number',
  'nil',
  'raw',
  'string',
  'variable',
  '(',
])

function describe(t: Token): string {
  if (t.type === 'eof') return 'EOF'
  if (t.type === 'keyword' || t.type === 'dot' || t.type === 'nil') return `<${t.text}>`
  return t.text.length > 10 ? `${goQuote(t.text.slice(0, 10))}...` : goQuote(t.text)
}

function parseNumber(text: string): GoInt | number | null {
  const plain = text.replaceAll('_', '')
  const m = /^([+-]?)(.*)$/.exec(plain)!
  const negative = m[1] === '-'
  const digits = m[2]
  if (/^(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|[0-9]+)$/.test(digits)) {
    const octal = /^0[0-7]+$/.test(digits)
    if (/^0[0-9]+$/.test(digits) && !octal) return null
    const v = BigInt(octal ? `0o${digits.slice(1)}` : digits)
    const signed = negative ? -v : v
    return BigInt.asIntN(64, signed) === signed ? new GoInt(signed) : null
  }
  if (!/^([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/.test(digits)) return null
  const v = Number(digits)
  return Number.isFinite(v) ? (negative ? -v : v) : null
}

/** Resolves Go's escapes; null when one is malformed. */
function resolveEscapes(s: string, quote: string): string | null {
  let out = ''
  const simple: Record<string, string> = {
    a: '\x07',
    b: '\b',
    f: '\f',
    n: '\n',
    r: '\r',
    t: '\t',
    v: '\v',
    '\\': '\\',
    [quote]: quote,
  }
  for (let i = 0; i < s.length; i++) {
    if (s[i] !== '\\') {
      out += s[i]
      continue
    }
    const c = s[++i] ?? ''
    if (simple[c] !== undefined) out += simple[c]
    else {
      const m = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))/.exec(s.slice(i, i + 9))
      if (m === null) return null
      const code = Number.parseInt(m[1] ?? m[2] ?? m[3] ?? m[4], m[4] === undefined ? 16 : 8)
      if (code > 0x10ffff) return null
      out += String.fromCodePoint(code)
      i += m[0].length - 1
    }
  }
  return out
}
