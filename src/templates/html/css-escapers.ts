/** Values in style sheets and style attributes. Thread: any. */
import { decodeCss } from './css-text.js'
import { failsafe, textOf } from './text-of.js'

const special = /[\0\t\n\f\r"&'()+/:;<>\\{}]/g

/** Inside of strings. */
export const cssEscaper = textOf((s) =>
  s.replace(special, (c, at: number) => {
    if (c === '\\') return '\\\\'
    const code = `\\${c.charCodeAt(0).toString(16)}`
    const next = s[at + 1]
    // A blank ends an escape that would go on.
    return next === undefined || /[0-9a-fA-F\t\n\f\r ]/.test(next) ? `${code} ` : code
  }),
)

/** Elsewhere: words, numbers, colours. What might end a declaration, hold a string or run code is not let through. */
export const cssValueFilter = textOf((s) => {
  const value = decodeCss(s)
  if (/[\0"'()/;@[\\\]`{}]|--/.test(value)) return failsafe
  const word = value.replace(/\W/g, '').toLowerCase()
  return word.includes('expression') || word.includes('mozbinding') ? failsafe : value
})
