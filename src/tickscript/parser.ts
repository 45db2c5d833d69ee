/**
 * TICKscript text → AST. The grammar is parsed strictly: where the parse stops, the offending token and the tokens before it
 * give the error's text. Thread: any.
 */
import type { Tree } from '@lezer/common'
import { ShardlineError } from '../errors.js'
import type { Expression, Program } from './ast.js'
import { tickParser } from './generated/tick.js'
import * as term from './generated/tick.terms.js'
import { durationLiteral, numberLiteral, parserError, regexLiteral } from './literals.js'
import { Source } from './positions.js'
import type { TickContext } from './tick-context.js'
import { endOfInput, lastRead, lexicalError, maxDepth, tooDeep } from './tokenizer.js'
import { treeToAst, treeToExpression } from './tree-to-ast.js'

const programParser = tickParser.configure({ strict: true, top: 'Program' })
const recoveringParser = tickParser.configure({ top: 'Program' })
const lambdaParser = tickParser.configure({ strict: true, top: 'LambdaBody' })

/** Longest script in characters: parsing a dense one of this size takes about two seconds. */
export const maxScriptLength = 1 << 20

/** Throws ShardlineError `parser: …`. */
export function parse(source: string): Program {
  if (source.length > maxScriptLength) throw parserError(`script is longer than ${maxScriptLength} characters`)
  const text = new Source(wellFormed(source))
  return treeToAst(parseTree(programParser, text, operands), text)
}

/** The tree of a part of a script. Throws ShardlineError `parser: …`; bad literals show only when the tree is read. */
export function strictTree(source: Source, from: number, to: number): Tree {
  return parseTree(programParser, source, operands, from, to)
}

/** The same without errors: what cannot be parsed is skipped or completed. */
export function recoveredTree(source: Source, from: number, to: number): Tree {
  return recoveringParser.parse(part(source.text, from, to))
}

/** The literals among those read by the last parse that are none: start, end and fault, in order. */
export function badLiterals(text: string): { from: number; to: number; fault: ShardlineError }[] {
  const bad: { from: number; to: number; fault: ShardlineError }[] = []
  const { literals } = lastRead
  for (let i = 0; i < literals.length; i += 3) {
    const [from, to] = [literals[i], literals[i + 1]]
    try {
      readLiteral(text.slice(from, to), literals[i + 2])
    } catch (err) {
      if (!(err instanceof ShardlineError)) throw err
      bad.push({ from, to, fault: err })
    }
  }
  return bad
}

/** Parses the expression of a lambda given without `lambda:` (lambda vars, match expressions). */
export function parseLambdaBody(source: string): Expression {
  const text = new Source(wellFormed(source))
  return treeToExpression(parseTree(lambdaParser, text, '"EOF"'), text)
}

/** Lone surrogates become U+FFFD, as they do in UTF-8. */
export function wellFormed(source: string): string {
  return /[\ud800-\udfff]/.test(source) ? Buffer.from(source).toString() : source
}

function parseTree(
  parser: typeof programParser,
  source: Source,
  afterStatement: string,
  from = 0,
  to = source.text.length,
): Tree {
  lastRead.token = endOfInput
  lastRead.start = to
  lastRead.end = to
  lastRead.context = null
  lastRead.literals = []
  try {
    return parser.parse(part(source.text, from, to))
  } catch (err) {
    // Anything else than the parser's own complaint is a fault of ours.
    if (!(err instanceof SyntaxError)) throw err
  }
  checkLiterals(source.text)
  throw unexpected(source, afterStatement)
}

/** A part of a text at its place: blanks stand before it, so that all offsets are those of the whole. */
function part(text: string, from: number, to: number): string {
  return from === 0 ? text.slice(0, to) : ' '.repeat(from) + text.slice(from, to)
}

/** Literals are checked as they are read, so a bad one wins over an error after it. */
function checkLiterals(text: string): void {
  const { literals, start: stop } = lastRead
  for (let i = 0; i < literals.length; i += 3) {
    const start = literals[i]
    if (start >= stop) return
    readLiteral(text.slice(start, literals[i + 1]), literals[i + 2])
  }
}

function readLiteral(literal: string, token: number): void {
  if (token === term.Number) numberLiteral(literal)
  else if (token === term.Duration) durationLiteral(literal)
  else regexLiteral(literal)
}

function unexpected(source: Source, afterStatement: string): Error {
  const { token, start, message, context } = lastRead
  const { line, char } = source.position(start)
  if (token === tooDeep) return parserError(`expression is nested deeper than ${maxDepth} line ${line} char ${char}`)
  const found = token === lexicalError ? message : token === endOfInput ? 'EOF' : (tokenNames.get(token) ?? '')
  const list = expected(context, afterStatement)
  return parserError(`unexpected ${found} line ${line} char ${char} in "${source.snippet(start)}". expected: ${list}`)
}

const operands = '"number","string","duration","identifier","TRUE","FALSE","==","(","-","!"'
const listItems = '"identifier","string","*"'

/** What could follow the tokens read so far. At an operand's place the list is always the same. */
function expected(context: TickContext | null, afterStatement: string): string {
  if (context === null) return operands
  const { last, beforeLast, bracket } = context
  switch (last) {
    case term.Var:
    case term.Pipe:
    case term.At:
      return '"identifier"'
    case term.DbrpKeyword:
      return '"reference"'
    case term.Dot:
      return beforeLast === term.Reference ? '"reference"' : '"identifier"'
    case term.BracketL:
      return listItems
    case term.Comma:
      return bracket?.open === term.BracketL ? listItems : operands
    case term.Reference:
      if (beforeLast === term.DbrpKeyword) return '"."'
      break
    case term.Identifier:
      // Behind the name only a type is asked for, though `=` may follow too.
      if (beforeLast === term.Var) return '"identifier"'
      if (beforeLast === term.Pipe) return '"("'
      break
  }
  if (!endsOperand.has(last)) return operands
  if (bracket === null) return afterStatement
  return bracket.open === term.BracketL ? '"]"' : '")"'
}

const endsOperand = new Set<number>([
  term.Identifier,
  term.Reference,
  term.Number,
  term.String,
  term.Duration,
  term.Regex,
  term.Star,
  term.True,
  term.False,
  term.ParenR,
  term.BracketR,
])

const tokenNames = new Map<number, string>([
  [term.Var, 'var'],
  [term.DbrpKeyword, 'dbrp'],
  [term.LambdaKeyword, 'lambda'],
  [term.True, 'TRUE'],
  [term.False, 'FALSE'],
  [term.Identifier, 'identifier'],
  [term.Reference, 'reference'],
  [term.Number, 'number'],
  [term.String, 'string'],
  [term.Duration, 'duration'],
  [term.Regex, 'regex'],
  [term.Star, '*'],
  [term.Plus, '+'],
  [term.Minus, '-'],
  [term.Mul, '*'],
  [term.Div, '/'],
  [term.Mod, '%'],
  [term.Equal, '=='],
  [term.NotEqual, '!='],
  [term.RegexEqual, '=~'],
  [term.RegexNotEqual, '!~'],
  [term.Greater, '>'],
  [term.GreaterEqual, '>='],
  [term.Less, '<'],
  [term.LessEqual, '<='],
  [term.And, 'AND'],
  [term.Or, 'OR'],
  [term.Not, '!'],
  [term.Assign, '='],
  [term.ParenL, '('],
  [term.ParenR, ')'],
  [term.BracketL, '['],
  [term.BracketR, ']'],
  [term.Comma, ','],
  [term.Pipe, '|'],
  [term.Dot, '.'],
  [term.At, '@'],
])
