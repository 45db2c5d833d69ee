/** Steps through the text of style sheets and style attributes: strings, URLs, comments. Strings are taken for URLs. Thread: any. */
import { goQuote } from '../../go/go-format.js'
import type { Context } from './context.js'
import { decodeCss } from './css-text.js'
import { EscapeError } from './escape-error.js'
import { blanks, inComment, inUrl, lengthAt, type Step } from './step.js'

const nameChar = /[-\w\u0080-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]$/u

/** Whether the text up to `end` ends in `url` as a word of its own, blanks behind it aside. */
function endsInUrl(text: string, end: number): boolean {
  let at = end
  while (at > 0 && '\t\n\f\r '.includes(text[at - 1])) at--
  if (text.slice(Math.max(0, at - 3), at).toLowerCase() !== 'url') return false
  return !nameChar.test(text.slice(Math.max(0, at - 5), at - 3))
}

const inSheet: Step = (c, text) => {
  const special = /[("'/]/g
  for (let m = special.exec(text); m !== null; m = special.exec(text)) {
    const behind = m.index + 1
    if (m[0] === '"') return { to: { ...c, state: 'stateCSSDqStr' }, taken: behind }
    if (m[0] === "'") return { to: { ...c, state: 'stateCSSSqStr' }, taken: behind }
    if (m[0] === '/') {
      if (text[behind] === '/') return { to: { ...c, state: 'stateCSSLineCmt' }, taken: behind + 1 }
      if (text[behind] === '*') return { to: { ...c, state: 'stateCSSBlockCmt' }, taken: behind + 1 }
    } else if (endsInUrl(text, m.index)) {
      const start = behind + lengthAt(blanks, text, behind)
      if (text[start] === '"') return { to: { ...c, state: 'stateCSSDqURL' }, taken: start + 1 }
      if (text[start] === "'") return { to: { ...c, state: 'stateCSSSqURL' }, taken: start + 1 }
      return { to: { ...c, state: 'stateCSSURL' }, taken: start }
    }
  }
  return { to: c, taken: text.length }
}

/** Strings and URLs. `special`: what ends them, and the backslash. */
function inString(special: RegExp): Step {
  return (c, text) => {
    let to = c
    let rest = 0
    let lastEscape = 0
    special.lastIndex = 0
    for (let m = special.exec(text); m !== null; m = special.exec(text)) {
      if (m[0] !== '\\') return { to: { ...to, state: 'stateCSS' }, taken: m.index + 1 }
      const escaped = m.index + 1
      if (escaped === text.length) throw new EscapeError(`unfinished escape sequence in CSS string: ${goQuote(text)}`)
      // An escape counts as its first digit alone, then, with what is behind it, as a whole.
      to = inUrl(to, decodeCss(text.slice(lastEscape, escaped + 1))).to
      lastEscape = m.index
      rest = escaped + 1
      special.lastIndex = rest
    }
    return { to: inUrl(to, decodeCss(text.slice(rest))).to, taken: text.length }
  }
}

export const cssSteps = {
  stateCSS: inSheet,
  stateCSSDqStr: inString(/[\\"]/g),
  stateCSSSqStr: inString(/[\\']/g),
  stateCSSDqURL: inString(/[\\"]/g),
  stateCSSSqURL: inString(/[\\']/g),
  stateCSSURL: inString(/[\\\t\n\f\r )]/g),
  stateCSSBlockCmt: inComment(/\*\//, 2, 'stateCSS'),
  stateCSSLineCmt: inComment(/[\n\f\r]/, 0, 'stateCSS'),
} satisfies Partial<Record<Context['state'], Step>>
