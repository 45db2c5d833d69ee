/**
 * What the tokenizer and the error texts need to know of the tokens read so far: the lexer mode, the last two tokens and
 * the open brackets. One immutable value per token, carried by the parser; comments change the mode only, blanks nothing. Thread: any.
 */
import { ContextTracker } from '@lezer/lr'
import * as term from './generated/tick.terms.js'

/** Operand: `/` is a regex and `*` a star. Operator: they are operators. Regex: any `/` starts a regex, even `//`. */
export const Mode = { Operand: 0, Operator: 1, Regex: 2 } as const
export type Mode = (typeof Mode)[keyof typeof Mode]

export interface TickContext {
  readonly mode: Mode
  /** Terms of the last two tokens, comments left out; -1 at the start. */
  readonly last: number
  readonly beforeLast: number
  readonly bracket: Bracket | null
  /** Open brackets plus unary operators whose operand has not ended yet (binary ones in a row count too). */
  readonly depth: number
}

export interface Bracket {
  readonly open: number
  readonly outer: Bracket | null
  /** Depth outside. */
  readonly depth: number
}

const operatorModeAfter = new Set<number>([
  term.ParenR,
  term.Identifier,
  term.And,
  term.Or,
  term.True,
  term.False,
  term.Var,
  term.DbrpKeyword,
  term.LambdaKeyword,
  term.Number,
  term.Duration,
  term.String,
  term.Reference,
])

function modeAfter(token: number): Mode {
  if (token === term.Assign || token === term.RegexEqual || token === term.RegexNotEqual) return Mode.Regex
  return operatorModeAfter.has(token) ? Mode.Operator : Mode.Operand
}

const start: TickContext = { mode: Mode.Operand, last: -1, beforeLast: -1, bracket: null, depth: 0 }

export const tickContext = new ContextTracker<TickContext>({
  start,
  strict: false,
  hash: (context) => context.mode,
  shift(context, token) {
    if (token === term.space) return context
    if (token === term.Comment) return { ...context, mode: Mode.Operand }
    let { bracket, depth } = context
    if (token === term.ParenL || token === term.BracketL) {
      bracket = { open: token, outer: bracket, depth }
      depth++
    } else if (token === term.Minus || token === term.Not) {
      depth++
    } else {
      if ((token === term.ParenR || token === term.BracketR) && bracket !== null) bracket = bracket.outer
      depth = bracket === null ? 0 : bracket.depth + 1
    }
    return { mode: modeAfter(token), last: token, beforeLast: context.last, bracket, depth }
  },
})
