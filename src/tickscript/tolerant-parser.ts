/**
 * The parts of a script that can be parsed, and everything that is wrong with the others. Statements are the unit: the strict
 * parser runs until it stops, what it stopped in is given up, and it starts again at the next place that looks like the
 * beginning of a statement. Texts are those of the strict parser; the first fault is the one it reports. Thread: any.
 */
import type { SyntaxNode } from '@lezer/common'
import { ShardlineError } from '../errors.js'
import type { Statement } from './ast.js'
import { parserError } from './literals.js'
import { badLiterals, maxScriptLength, recoveredTree, strictTree, wellFormed } from './parser.js'
import { Source } from './positions.js'
import { endOfInput, lastRead, lexicalError } from './tokenizer.js'
import { maxTreeDepth, treeToAst } from './tree-to-ast.js'

export interface SyntaxFault {
  /** `parser: …` */
  readonly message: string
  /** UTF-16 offsets of what is marked. */
  readonly from: number
  readonly to: number
  /** The token before it, where a parse stopped. */
  readonly previous: Piece | undefined
}

/** UTF-16 offsets. */
export interface Piece {
  readonly from: number
  readonly to: number
}

export interface TolerantScript {
  readonly source: Source
  readonly statements: readonly Statement[]
  readonly faults: readonly SyntaxFault[]
  readonly lost: readonly Piece[]
}

/** Scripts with more faults than this are not scripts. */
const maxFaults = 100
/** How often a character may be parsed, on average, before the rest is given up. */
const maxRereads = 12

export function parseTolerantly(text: string): TolerantScript {
  const source = new Source(wellFormed(text))
  const reader = new TolerantReader(source)
  if (text.length > maxScriptLength) {
    const message = parserError(`script is longer than ${maxScriptLength} characters`).message
    reader.faults.push({ message, from: 0, to: 0, previous: undefined })
    reader.lost.push({ from: 0, to: source.text.length })
  } else reader.run()
  return reader
}

class TolerantReader implements TolerantScript {
  readonly statements: Statement[] = []
  readonly faults: SyntaxFault[] = []
  readonly lost: Piece[] = []

  constructor(readonly source: Source) {}

  run(): void {
    const { text } = this.source
    const end = text.length
    let from = 0
    let work = 0
    while (from < end) {
      const fault = this.parse(from, end)
      if (fault === null) return
      const last = this.stoppedIn(from, fault.from)
      if (!this.faults.some((known) => known.from === fault.from)) {
        this.faults.push(last.previous === undefined ? fault : { ...fault, previous: last.previous })
      }
      const readTo = last.complete ? fault.from : last.from
      if (readTo > from) this.read(from, readTo)
      work += fault.to - from
      const goOn = this.faults.length < maxFaults && work < maxRereads * end
      const next = goOn ? nextStatement(text, last.from, fault.from) : end
      this.lost.push({ from: last.from, to: next })
      from = next
    }
  }

  /** Reads everything from `from` if it can be parsed; else where and why not. */
  private parse(from: number, to: number): SyntaxFault | null {
    try {
      strictTree(this.source, from, to)
    } catch (err) {
      if (!(err instanceof ShardlineError)) throw err
      // A bad literal before the place where the parse stopped has won: it is found again by its text.
      const literal = badLiterals(this.source.text).find((bad) => bad.from < lastRead.start)
      if (literal !== undefined) {
        return { message: err.message, from: literal.from, to: literal.to, previous: undefined }
      }
      return this.stopped(err.message)
    }
    this.read(from, to)
    return null
  }

  private stopped(message: string): SyntaxFault {
    const { text } = this.source
    const { start, token, end } = lastRead
    let to = end
    if (token === endOfInput) to = start
    else if (token === lexicalError) {
      // An unterminated text was read to the end of the script; its line is enough.
      const lineEnd = text.indexOf('\n', start)
      to = Math.min(Math.max(end, start + 1), lineEnd < 0 ? text.length : lineEnd)
    }
    return { message, from: start, to: Math.max(to, start), previous: undefined }
  }

  /** The statement that a parse from `from` stopped in, or behind when it is complete. */
  private stoppedIn(from: number, stop: number): { from: number; complete: boolean; previous?: Piece } {
    if (stop <= from) return { from, complete: false }
    const tree = recoveredTree(this.source, from, stop)
    let last = tree.topNode.lastChild
    let complete = true
    while (last !== null && (last.name === 'Comment' || last.type.isError)) {
      if (last.type.isError) complete = false
      last = last.prevSibling
    }
    const before = tree.resolveInner(this.source.text.slice(0, stop).trimEnd().length, -1)
    const isToken = before.firstChild === null && before.from < before.to
    const previous = isToken ? { from: before.from, to: before.to } : undefined
    if (last === null) return { from: stop, complete: false, previous }
    // Only chains go on without what follows; of other expressions the rest would be missed.
    const isChain = last.name === 'Chain' || last.getChild('Chain') !== null
    return { from: last.from, complete: complete && isChain && !hasError(last), previous }
  }

  /** Adds the statements of a part that parses. */
  private read(from: number, to: number): void {
    const tree = strictTree(this.source, from, to)
    const literals = badLiterals(this.source.text)
    if (literals.length === 0) {
      try {
        for (const statement of treeToAst(tree, this.source).statements) this.statements.push(statement)
        return
      } catch (err) {
        if (!(err instanceof ShardlineError)) throw err
      }
    }
    // Something in it is no value: what may hold it is read alone, what is between in one go.
    let at = from
    let done = from
    let next = 0
    for (let node = tree.topNode.firstChild; node !== null; node = node.nextSibling) {
      if (node.name === 'Comment') continue
      while (next < literals.length && literals[next].from < node.from) next++
      const bad = next < literals.length && literals[next].from < node.to
      if (bad || node.to - node.from > maxTreeDepth) {
        if (done > at) this.read(at, done)
        if (this.faults.length >= maxFaults) {
          this.lost.push({ from: node.from, to })
          return
        }
        this.readOne(done, node.from, node.to)
        at = node.to
      }
      done = node.to
    }
    if (at === from) this.lost.push({ from, to })
    else if (to > at) this.read(at, to)
  }

  /** One statement with the comments before it. */
  private readOne(from: number, begin: number, to: number): void {
    let known = 0
    try {
      const tree = strictTree(this.source, from, to)
      for (const { from: start, to: end, fault } of badLiterals(this.source.text)) {
        if (this.faults.some((f) => f.from === start)) continue
        this.faults.push({ message: fault.message, from: start, to: end, previous: undefined })
        known++
      }
      if (known === 0) {
        this.statements.push(...treeToAst(tree, this.source).statements)
        return
      }
    } catch (err) {
      if (!(err instanceof ShardlineError)) throw err
      this.faults.push({ message: err.message, from: this.placeIn(err.message, begin), to: begin, previous: undefined })
    }
    this.lost.push({ from: begin, to })
  }

  /** The place that a text of a fault names. */
  private placeIn(message: string, otherwise: number): number {
    const m = / line (\d+) char (\d+)$/.exec(message)
    return m === null ? otherwise : this.source.offsetOf(Number(m[1]), Number(m[2]))
  }
}

function hasError(node: SyntaxNode): boolean {
  let found = false
  node.toTree().iterate({
    enter(inner) {
      if (inner.type.isError) found = true
      return !found
    },
  })
  return found
}

/** A declaration, or a name or comment at the beginning of a line: statements of several lines are indented. */
const statementStart = /(?:^|(?<=\n))(?:[^\S\n]*(?:var|dbrp)\b|\p{L}[\p{L}\p{Nd}_]*[^\S\n]*(?:$|=(?!=)|[\n\r|.@(]))/gu
const declarationStart = /(?<=[\s)])(?:var\s+\p{L}[\p{L}\p{Nd}_]*\s*[=\p{L}]|dbrp\s*")/uy

/** A declaration inside a text of several lines: a quote is missing before it. */
const swallowedDeclaration = /(?<=\n)[^\S\n]*(?=var\s+\p{L}[\p{L}\p{Nd}_]*\s*=|dbrp\s*")/gu

/** Where to go on after a fault at `at` in the statement that begins at `begin`; always behind `begin`. */
function nextStatement(text: string, begin: number, at: number): number {
  swallowedDeclaration.lastIndex = begin + 1
  const swallowed = swallowedDeclaration.exec(text)
  if (swallowed !== null && swallowed.index + swallowed[0].length < at) return swallowed.index + swallowed[0].length
  const lineEnd = text.indexOf('\n', at)
  // Further declarations in the same line, outside strings.
  let quote = ''
  for (let i = Math.max(at, begin + 1); i < (lineEnd < 0 ? text.length : lineEnd); i++) {
    const c = text[i]
    if (quote !== '') {
      if (c === quote) quote = ''
    } else if (c === "'" || c === '"') quote = c
    else if (c === 'v' || c === 'd') {
      declarationStart.lastIndex = i
      if (declarationStart.test(text)) return i
    }
  }
  // The fault may be the first token of the next statement.
  statementStart.lastIndex = Math.max(begin + 1, text.lastIndexOf('\n', at - 1) + 1)
  for (let m = statementStart.exec(text); m !== null; m = statementStart.exec(text)) {
    const word = /\p{L}[\p{L}\p{Nd}_]*/u.exec(m[0])!
    if (m.index > begin && m.index + m[0].length > at && !['AND', 'OR', 'TRUE', 'FALSE'].includes(word[0])) {
      return m.index + word.index
    }
  }
  return text.length
}
