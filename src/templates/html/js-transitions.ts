/** Steps through the text of scripts and event handlers: strings, regular expressions, comments. Thread: any. */
import { goQuote } from '../../go/go-format.js'
import type { Context, JsCtx } from './context.js'
import { EscapeError } from './escape-error.js'
import { inComment, type Step } from './step.js'

/** Words behind which a slash starts a regular expression. */
const operatorWords = new Set(
  'break case continue delete do else finally in instanceof return throw try typeof void'.split(' '),
)

/** What a slash behind this code would be. Looks at its end only: a script is read in time that grows with its length. */
export function slashAfter(code: string, before: JsCtx): JsCtx {
  const end = startOfRun(code, code.length, /[\t\n\f\r \u2028\u2029]/)
  if (end === 0) return before
  const last = code[end - 1]
  if (last === '+' || last === '-') {
    // `a++ / b` divides, `a + /b/` does not; `a --- /b/` is `a-- - /b/`.
    const run = end - startOfRun(code, end, last === '+' ? /\+/ : /-/)
    return run % 2 === 1 ? 'jsCtxRegexp' : 'jsCtxDivOp'
  }
  if (last === '.') return /[0-9]/.test(code[end - 2] ?? '') ? 'jsCtxDivOp' : 'jsCtxRegexp'
  if (',<>=*%&|^?!~([:;{}'.includes(last)) return 'jsCtxRegexp'
  const word = code.slice(startOfRun(code, end, /[$0-9A-Z_a-z]/), end)
  return operatorWords.has(word) ? 'jsCtxRegexp' : 'jsCtxDivOp'
}

/** Where the run of such characters before `end` begins. */
function startOfRun(s: string, end: number, char: RegExp): number {
  let at = end
  while (at > 0 && char.test(s[at - 1])) at--
  return at
}

const inScript: Step = (c, text) => {
  const at = text.search(/["'/]/)
  if (at < 0) return { to: { ...c, jsCtx: slashAfter(text, c.jsCtx) }, taken: text.length }
  const jsCtx = slashAfter(text.slice(0, at), c.jsCtx)
  const taken = at + 1
  if (text[at] === '"') return { to: { ...c, state: 'stateJSDqStr', jsCtx: 'jsCtxRegexp' }, taken }
  if (text[at] === "'") return { to: { ...c, state: 'stateJSSqStr', jsCtx: 'jsCtxRegexp' }, taken }
  if (text[at + 1] === '/') return { to: { ...c, state: 'stateJSLineCmt', jsCtx }, taken: at + 2 }
  if (text[at + 1] === '*') return { to: { ...c, state: 'stateJSBlockCmt', jsCtx }, taken: at + 2 }
  if (jsCtx === 'jsCtxRegexp') return { to: { ...c, state: 'stateJSRegexp', jsCtx }, taken }
  if (jsCtx === 'jsCtxDivOp') return { to: { ...c, jsCtx: 'jsCtxRegexp' }, taken }
  const shown = [...text.slice(at)].slice(0, 32).join('')
  throw new EscapeError(`'/' could start a division or regexp: ${goQuote(shown)}`)
}

/** Strings and regular expressions. `special`: the end, the backslash and, of regular expressions, brackets. */
function inDelimited(special: RegExp): Step {
  return (c, text) => {
    let inSet = false
    special.lastIndex = 0
    for (let m = special.exec(text); m !== null; m = special.exec(text)) {
      const at = m.index
      if (m[0] === '\\') {
        if (at + 1 === text.length) {
          throw new EscapeError(`unfinished escape sequence in JS string: ${goQuote(text)}`)
        }
        special.lastIndex = at + 2
      } else if (m[0] === '[') inSet = true
      else if (m[0] === ']') inSet = false
      else if (!inSet) return { to: { ...c, state: 'stateJS', jsCtx: 'jsCtxDivOp' }, taken: at + 1 }
    }
    if (inSet) throw new EscapeError(`unfinished JS regexp charset: ${goQuote(text)}`)
    return { to: c, taken: text.length }
  }
}

export const jsSteps = {
  stateJS: inScript,
  stateJSDqStr: inDelimited(/[\\"]/g),
  stateJSSqStr: inDelimited(/[\\']/g),
  stateJSRegexp: inDelimited(/[\\/[\]]/g),
  stateJSBlockCmt: inComment(/\*\//, 2, 'stateJS'),
  stateJSLineCmt: inComment(/[\n\r\u2028\u2029]/, 0, 'stateJS'),
} satisfies Partial<Record<Context['state'], Step>>

const scriptTypes = new Set([
  'application/ecmascript',
  'application/javascript',
  'application/json',
  'application/ld+json',
  'application/x-ecmascript',
  'application/x-javascript',
  'module',
  'text/ecmascript',
  'text/javascript',
  'text/javascript1.0',
  'text/javascript1.1',
  'text/javascript1.2',
  'text/javascript1.3',
  'text/javascript1.4',
  'text/javascript1.5',
  'text/jscript',
  'text/livescript',
  'text/x-ecmascript',
  'text/x-javascript',
])

/** Whether a script element of this type holds JavaScript or JSON. */
export function isScriptType(type: string): boolean {
  return scriptTypes.has(type.split(';', 1)[0].toLowerCase().trim())
}
