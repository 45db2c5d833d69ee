/** The strings of a script that stand alone as values, and where: arguments, items of lists, values of vars. Thread: any. */
import type { Expression, Statement } from './ast.js'
import { pieceOf } from './diagnostics/span.js'
import type { Source } from './positions.js'
import type { Piece } from './tolerant-parser.js'

export interface StringLiteral {
  readonly value: string
  readonly piece: Piece
}

/** In the order of the text. */
export function stringLiterals(statements: readonly Statement[], source: Source): StringLiteral[] {
  const found: StringLiteral[] = []
  const visit = (node: Statement): void => {
    let at: Statement = node
    // Chains may be long.
    for (; at.type === 'chain'; at = at.left as Expression) visit(at.right)
    if (at.type === 'string') found.push({ value: at.value, piece: pieceOf(at, source) })
    else if (at.type === 'declaration') visit(at.value)
    else if (at.type === 'function') at.args.forEach(visit)
    else if (at.type === 'list') at.items.forEach(visit)
  }
  statements.forEach(visit)
  return found.sort((a, b) => a.piece.from - b.piece.from)
}
