/**
 * How static text leads from one context to the next. Each step takes a context and some text and gives the context behind the
 * part that it took. Scripts and style sheets have files of their own. Thread: any.
 */
import { decodeHTML } from 'entities'
import { goQuote } from '../../go/go-format.js'
import { attributeKind } from './attributes.js'
import { type Attr, type Context, contentStates, contextIn, type Element, textContext, valueStates } from './context.js'
import { cssSteps } from './css-transitions.js'
import { EscapeError } from './escape-error.js'
import { isScriptType, jsSteps } from './js-transitions.js'
import { blanks, inUrl, lengthAt, type Step } from './step.js'

const tagName = /[A-Za-z][A-Za-z0-9]*(?:[:-][A-Za-z0-9]+)*/y

const elements = new Map<string, Element>([
  ['script', 'elementScript'],
  ['style', 'elementStyle'],
  ['textarea', 'elementTextarea'],
  ['title', 'elementTitle'],
])

const inText: Step = (c, text) => {
  for (let at = text.indexOf('<'); at >= 0 && at + 1 < text.length; at = text.indexOf('<', at + 1)) {
    if (text.startsWith('<!--', at)) return { to: contextIn({ state: 'stateHTMLCmt' }), taken: at + 4 }
    const closes = text[at + 1] === '/'
    const from = at + (closes ? 2 : 1)
    const length = lengthAt(tagName, text, from)
    if (length === 0) continue
    const element = closes ? undefined : elements.get(text.slice(from, from + length).toLowerCase())
    return { to: contextIn({ state: 'stateTag', element: element ?? 'elementNone' }), taken: from + length }
  }
  return { to: c, taken: text.length }
}

/** Length of the attribute name at `at`. */
function nameLength(text: string, at: number): number {
  const end = /[ \t\n\f\r=>'"<]/.exec(text.slice(at))
  if (end === null) return text.length - at
  if (`'"<`.includes(end[0])) {
    throw new EscapeError(`${goQuote(end[0])} in attribute name: ${goQuote([...text].slice(0, 32).join(''))}`)
  }
  return end.index
}

const attrOfKind: Readonly<Record<string, Attr>> = {
  url: 'attrURL',
  css: 'attrStyle',
  js: 'attrScript',
  srcset: 'attrSrcset',
}

const inTag: Step = (c, text) => {
  const at = lengthAt(blanks, text, 0)
  if (at === text.length) return { to: c, taken: at }
  const { element } = c
  if (text[at] === '>') return { to: contextIn({ state: contentStates[element], element }), taken: at + 1 }
  const length = nameLength(text, at)
  if (length === 0) {
    throw new EscapeError(`expected space, attr name, or end of tag, but got ${goQuote(text.slice(at))}`)
  }
  const name = text.slice(at, at + length).toLowerCase()
  const attr =
    element === 'elementScript' && name === 'type' ? 'attrScriptType' : (attrOfKind[attributeKind(name)] ?? 'attrNone')
  const state = at + length === text.length ? 'stateAttrName' : 'stateAfterName'
  return { to: contextIn({ state, element, attr }), taken: at + length }
}

const inName: Step = (c, text) => {
  const taken = nameLength(text, 0)
  return { to: taken === text.length ? c : { ...c, state: 'stateAfterName' }, taken }
}

const behindName: Step = (c, text) => {
  const at = lengthAt(blanks, text, 0)
  if (at === text.length) return { to: c, taken: at }
  if (text[at] !== '=') return { to: { ...c, state: 'stateTag' }, taken: at }
  return { to: { ...c, state: 'stateBeforeValue' }, taken: at + 1 }
}

const beforeValue: Step = (c, text) => {
  const at = lengthAt(blanks, text, 0)
  if (at === text.length) return { to: c, taken: at }
  const state = valueStates[c.attr]
  if (text[at] === "'") return { to: { ...c, state, delim: 'delimSingleQuote' }, taken: at + 1 }
  if (text[at] === '"') return { to: { ...c, state, delim: 'delimDoubleQuote' }, taken: at + 1 }
  return { to: { ...c, state, delim: 'delimSpaceOrTagEnd' }, taken: at }
}

const inHtmlComment: Step = (c, text) => {
  const end = text.indexOf('-->')
  return end < 0 ? { to: c, taken: text.length } : { to: textContext, taken: end + 3 }
}

const stay: Step = (c, text) => ({ to: c, taken: text.length })

const specialEnds: Readonly<Record<Element, RegExp | null>> = {
  elementNone: null,
  elementScript: /<\/script[> \t\n\f/]/i,
  elementStyle: /<\/style[> \t\n\f/]/i,
  elementTextarea: /<\/textarea[> \t\n\f/]/i,
  elementTitle: /<\/title[> \t\n\f/]/i,
}

/** Up to the end tag of a script, style, textarea or title. */
const toEndTag: Step = (c, text) => {
  const end = specialEnds[c.element]?.exec(text)
  return end ? { to: textContext, taken: end.index } : { to: c, taken: text.length }
}

export const steps: Readonly<Record<Context['state'], Step>> = {
  stateText: inText,
  stateTag: inTag,
  stateAttrName: inName,
  stateAfterName: behindName,
  stateBeforeValue: beforeValue,
  stateHTMLCmt: inHtmlComment,
  stateRCDATA: toEndTag,
  stateAttr: stay,
  stateURL: inUrl,
  stateSrcset: inUrl,
  ...jsSteps,
  ...cssSteps,
  stateError: stay,
}

const valueEnds: Readonly<Record<Context['delim'], RegExp>> = {
  delimNone: /$/,
  delimDoubleQuote: /"/,
  delimSingleQuote: /'/,
  delimSpaceOrTagEnd: /[ \t\n\f\r>]/,
}

/** The end of the attribute value in `text`, -1 when it goes on behind it. */
export function valueEnd(delim: Context['delim'], text: string): number {
  return text.search(valueEnds[delim])
}

/** The static text of a document, where attribute values end at their quotes and special elements at their end tags. */
export class DocumentText {
  /** Element whose end tag was looked for last, and where it is. */
  private element: Element = 'elementNone'
  private endTag = -1

  constructor(private readonly text: string) {}

  /** The step from `at` on. Throws EscapeError. */
  step(c: Context, at: number): ReturnType<Step> {
    if (c.delim !== 'delimNone') return valueStep(c, this.text.slice(at))
    const end = this.endTagFrom(c.element, at)
    return end === at ? { to: textContext, taken: 0 } : steps[c.state](c, this.text.slice(at, end))
  }

  private endTagFrom(element: Element, at: number): number {
    const pattern = specialEnds[element]
    if (pattern === null) return this.text.length
    if (element !== this.element || this.endTag < at) {
      const found = pattern.exec(this.text.slice(at))
      this.element = element
      this.endTag = found === null ? this.text.length : at + found.index
    }
    return this.endTag
  }
}

const valueStep: Step = (c, text) => {
  const end = valueEnd(c.delim, text)
  const value = end < 0 ? text : text.slice(0, end)
  if (c.delim === 'delimSpaceOrTagEnd') {
    // Parsers differ in how they read such values.
    const bad = /["'<=`]/.exec(value)
    if (bad !== null) throw new EscapeError(`${goQuote(bad[0])} in unquoted attr: ${goQuote(value)}`)
  }
  if (end < 0) {
    let to = c
    for (let rest = decodeHTML(text); rest !== ''; ) {
      const step = steps[to.state](to, rest)
      to = step.to
      rest = rest.slice(step.taken)
    }
    return { to, taken: text.length }
  }
  const plainScript = c.state === 'stateAttr' && c.element === 'elementScript' && c.attr === 'attrScriptType'
  const element = plainScript && !isScriptType(value) ? 'elementNone' : c.element
  return { to: contextIn({ state: 'stateTag', element }), taken: end + (c.delim === 'delimSpaceOrTagEnd' ? 0 : 1) }
}
