/** What steps through static text are, and those that several languages share. Thread: any. */
import type { Context, State } from './context.js'

/** Takes `text` from its start: the context behind what was taken, and how much that is. Throws EscapeError. */
export type Step = (c: Context, text: string) => { readonly to: Context; readonly taken: number }

export const blanks = /[ \t\n\f\r]*/y

/** Length of the match at `at`; `pattern` is sticky. */
export function lengthAt(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0].length ?? 0
}

/** URLs change their escaping at `?` and `#`. */
export const inUrl: Step = (c, text) => {
  const taken = text.length
  if (/[#?]/.test(text)) return { to: { ...c, urlPart: 'urlPartQueryOrFrag' }, taken }
  if (c.urlPart === 'urlPartNone' && lengthAt(blanks, text, 0) !== taken) {
    return { to: { ...c, urlPart: 'urlPartPreQuery' }, taken }
  }
  return { to: c, taken }
}

/** Comments up to `end`, of which `takesEnd` characters belong to them. */
export function inComment(end: RegExp, takesEnd: number, behind: State): Step {
  return (c, text) => {
    const at = text.search(end)
    return at < 0 ? { to: c, taken: text.length } : { to: { ...c, state: behind }, taken: at + takesEnd }
  }
}
