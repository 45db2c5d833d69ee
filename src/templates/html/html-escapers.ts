/** Values in text, attribute values, and names of tags and attributes. Thread: any. */
import { attributeKind } from './attributes.js'
import { type Context, textContext } from './context.js'
import { EscapeError } from './escape-error.js'
import { failsafe, textOf } from './text-of.js'
import { steps, valueEnd } from './transitions.js'

const entities: Readonly<Record<string, string>> = {
  '\0': '\ufffd',
  '"': '&#34;',
  '&': '&amp;',
  "'": '&#39;',
  '+': '&#43;',
  '<': '&lt;',
  '>': '&gt;',
}

/** Text and quoted attribute values. */
export function escapeText(s: string): string {
  return normalizeText(s.includes('&') ? s.replaceAll('&', '&amp;') : s)
}

/** The same for text that is HTML already: its entities stay. One replacement per character is faster than a callback. */
export function normalizeText(s: string): string {
  if (!/[\0"'+<>]/.test(s)) return s
  return s
    .replaceAll('"', '&#34;')
    .replaceAll("'", '&#39;')
    .replaceAll('+', '&#43;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('\0', '\ufffd')
}

const unquotedEntity = (c: string): string =>
  c === '\0'
    ? '&#xfffd;'
    : (entities[c] ?? (c < '\x7f' ? `&#${c.charCodeAt(0)};` : `&#x${c.charCodeAt(0).toString(16)};`))

function escapeUnquoted(s: string): string {
  return s.replace(/[\0\t\n\v\f\r "&'+<=>`\ufdd0-\ufdef\ufff0-\uffff]/g, unquotedEntity)
}

function normalizeUnquoted(s: string): string {
  return s.replace(/[\0\t\n\v\f\r "'+<=>`\ufdd0-\ufdef\ufff0-\uffff]/g, unquotedEntity)
}

export const htmlEscaper = textOf((s, type) => (type === 'html' ? s : escapeText(s)))
export const rcdataEscaper = textOf((s, type) => (type === 'html' ? normalizeText(s) : escapeText(s)))
export const attributeEscaper = textOf((s, type) => (type === 'html' ? normalizeText(stripTags(s)) : escapeText(s)))
export const unquotedEscaper = textOf((s, type) =>
  type === 'html' ? normalizeUnquoted(stripTags(s)) : escapeUnquoted(s),
)

/** Parts of names; nothing, names that mean more than their value, and other characters become a word that does no harm. */
export const nameFilter = textOf((s) => {
  const name = s.toLowerCase()
  return /^[0-9a-z]+$/.test(name) && attributeKind(name) === 'plain' ? name : failsafe
})

/** Values in comments are dropped. */
export const commentEscaper = textOf(() => '')

const inTag = new Set<Context['state']>([
  'stateTag',
  'stateAttrName',
  'stateAfterName',
  'stateBeforeValue',
  'stateAttr',
])

/** The text of some HTML, without tags and comments. Its end is lost when the HTML is broken. */
export function stripTags(html: string): string {
  let c = textContext
  let out = ''
  let isText = true
  let at = 0
  while (at < html.length) {
    const rest = html.slice(at)
    if (c.delim !== 'delimNone') {
      const end = valueEnd(c.delim, rest)
      if (end < 0) break
      at += end + (c.delim === 'delimSpaceOrTagEnd' ? 0 : 1)
      c = { ...textContext, state: 'stateTag', element: c.element }
      continue
    }
    // Scripts and style sheets are skipped like text that ends at its end tag.
    const state = c.element !== 'elementNone' && !inTag.has(c.state) ? 'stateRCDATA' : c.state
    const step = stepOrNull(state, c, rest)
    if (step === null) break
    if (c.state === 'stateText' || c.state === 'stateRCDATA') {
      const taken = rest.slice(0, step.taken)
      const open = step.to.state === c.state ? -1 : taken.lastIndexOf('<')
      out += open < 0 ? taken : taken.slice(0, open)
    } else isText = false
    c = step.to
    at += step.taken
  }
  if (isText) return html
  return c.state === 'stateText' || c.state === 'stateRCDATA' ? out + html.slice(at) : out
}

function stepOrNull(state: Context['state'], c: Context, text: string) {
  try {
    return steps[state](c, text)
  } catch (err) {
    if (err instanceof EscapeError) return null
    throw err
  }
}
