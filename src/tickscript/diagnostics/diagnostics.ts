/** What `check` reports: everything wrong with a script, each at its place, with a way out where one is known. Thread: any. */
import type { Position } from '../ast.js'
import type { Source } from '../positions.js'

export interface Diagnostic {
  /** Warnings are faults that show only when points arrive, or that may be meant. */
  readonly severity: 'error' | 'warning'
  /** The text of the server where it has one. */
  readonly message: string
  readonly start: Position
  /** Behind the last character. */
  readonly end: Position
  readonly hint?: string
  /** What to write in place of the text from start to end. */
  readonly suggestion?: string
}

/** A diagnostic whose place is UTF-16 offsets. */
export interface Fault {
  readonly severity: 'error' | 'warning'
  readonly message: string
  readonly from: number
  readonly to: number
  readonly hint?: string
  readonly suggestion?: string
}

export interface Advice {
  readonly hint?: string
  readonly suggestion?: string
}

export function toDiagnostics(faults: readonly Fault[], source: Source): Diagnostic[] {
  const end = source.text.length
  const seen = new Set<string>()
  const unique = faults.filter(({ message, from, to }) => {
    const key = `${from} ${to} ${message}`
    return !seen.has(key) && seen.add(key)
  })
  return unique
    .map((fault, i) => ({ fault, i }))
    .sort((a, b) => a.fault.from - b.fault.from || a.i - b.i)
    .map(({ fault: { severity, message, from, to, hint, suggestion } }) => ({
      severity,
      message,
      start: source.position(Math.min(from, end)),
      end: source.position(Math.min(Math.max(from, to), end)),
      ...(hint === undefined ? {} : { hint }),
      ...(suggestion === undefined ? {} : { suggestion }),
    }))
}
