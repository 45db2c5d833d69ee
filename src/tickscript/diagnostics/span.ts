/** How far the parts of a script reach. The tree has only where they begin, so their ends are read from the text. Thread: any. */
import type { Expression, Statement } from '../ast.js'
import type { Source } from '../positions.js'
import type { Piece } from '../tolerant-parser.js'

const word = /\p{L}[\p{L}\p{Nd}_]*/uy
const number = /[\d.]+(?:ms|[uµsmhdw])?/uy
const sign = /[=!<>]=|[=!]~|\/\/[^\n]*|lambda:|[^\s]/uy

/** The end of the token at `from`. A slash is one sign: what it means depends on the place. */
export function tokenEnd(text: string, from: number): number {
  const c = text[from]
  if (c === undefined) return from
  if (c === "'" || c === '"') return delimitedEnd(text, from)
  if (text.startsWith('lambda:', from)) return from + 7
  for (const pattern of [word, number, sign]) {
    pattern.lastIndex = from
    const m = pattern.exec(text)
    if (m !== null) return from + m[0].length
  }
  return from + 1
}

function delimitedEnd(text: string, from: number): number {
  const delimiter = text[from]
  if (text.startsWith("'''", from)) {
    const end = text.indexOf("'''", from + 3)
    return end < 0 ? text.length : end + 3
  }
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === '\\' && text[i + 1] === delimiter) i++
    else if (text[i] === delimiter) return i + 1
  }
  return text.length
}

/** The whole of an expression; of a chain its last link's name, of a declaration its name. */
export function pieceOf(node: Expression | Statement, source: Source): Piece {
  const { text } = source
  const at = source.unitAt(node.pos.offset)
  // A literal in place of a name: the name stands there.
  if ((node.type === 'regex' && text[at] !== '/') || (node.type === 'list' && text[at] !== '[')) {
    return { from: at, to: tokenEnd(text, at) }
  }
  switch (node.type) {
    case 'declaration':
    case 'typeDeclaration':
      return pieceOf(node.name, source)
    case 'dbrp':
      return { from: at, to: pieceOf(node.rp, source).to }
    case 'binary':
      return { from: leftmost(node, source), to: pieceOf(node.right, source).to }
    case 'unary':
      return { from: at, to: pieceOf(node.operand, source).to }
    case 'lambda':
      return { from: at, to: pieceOf(node.expression, source).to }
    case 'regex':
      return { from: at, to: delimitedEnd(text, at) }
    case 'function': {
      const last = node.args[node.args.length - 1]
      const from = last === undefined ? tokenEnd(text, at) : pieceOf(last, source).to
      return { from: at, to: closing(text, from, ')') }
    }
    case 'list': {
      const last = node.items[node.items.length - 1]
      return { from: at, to: closing(text, last === undefined ? at + 1 : pieceOf(last, source).to, ']') }
    }
    case 'chain':
      return pieceOf(node.right, source)
    default:
      return { from: at, to: tokenEnd(text, at) }
  }
}

function leftmost(node: Expression, source: Source): number {
  let at = node
  while (at.type === 'binary') at = at.left
  return source.unitAt(at.pos.offset)
}

/** The end of the first closing bracket behind `from`, blanks, commas and comments between; else `from`. */
function closing(text: string, from: number, bracket: string): number {
  const between = /(?:[\s,(]|\/\/[^\n]*)*/y
  between.lastIndex = from
  const end = from + between.exec(text)![0].length
  return text[end] === bracket ? end + 1 : from
}

/** The token at a place that the text of an error names. */
export function pieceNamed(message: string, source: Source): Piece | null {
  const m = /^line (\d+) char (\d+): /.exec(message)
  if (m === null) return null
  const from = source.offsetOf(Number(m[1]), Number(m[2]))
  return { from, to: tokenEnd(source.text, from) }
}
