/**
 * Where in an HTML document a place of a template is: what an HTML parser would be in the middle of when it comes there. The
 * names appear in error texts and in the names of templates that are called in such a place. Values are never changed. Thread: any.
 */
import type { EscapeError } from './escape-error.js'

export type State =
  /** Between tags. */
  | 'stateText'
  /** In a tag, before an attribute or the end. */
  | 'stateTag'
  | 'stateAttrName'
  | 'stateAfterName'
  /** Behind the `=`. */
  | 'stateBeforeValue'
  | 'stateHTMLCmt'
  /** In a textarea or title. */
  | 'stateRCDATA'
  /** In an attribute value that is plain text. */
  | 'stateAttr'
  | 'stateURL'
  | 'stateSrcset'
  | 'stateJS'
  | 'stateJSDqStr'
  | 'stateJSSqStr'
  | 'stateJSRegexp'
  | 'stateJSBlockCmt'
  | 'stateJSLineCmt'
  | 'stateCSS'
  | 'stateCSSDqStr'
  | 'stateCSSSqStr'
  | 'stateCSSDqURL'
  | 'stateCSSSqURL'
  | 'stateCSSURL'
  | 'stateCSSBlockCmt'
  | 'stateCSSLineCmt'
  | 'stateError'

/** What ends the attribute value. */
export type Delim = 'delimNone' | 'delimDoubleQuote' | 'delimSingleQuote' | 'delimSpaceOrTagEnd'
export type UrlPart = 'urlPartNone' | 'urlPartPreQuery' | 'urlPartQueryOrFrag' | 'urlPartUnknown'
/** What a slash in JavaScript would be. */
export type JsCtx = 'jsCtxRegexp' | 'jsCtxDivOp' | 'jsCtxUnknown'
export type Attr = 'attrNone' | 'attrScript' | 'attrScriptType' | 'attrStyle' | 'attrURL' | 'attrSrcset'
/** Elements whose content is not ordinary HTML. */
export type Element = 'elementNone' | 'elementScript' | 'elementStyle' | 'elementTextarea' | 'elementTitle'

export interface Context {
  readonly state: State
  readonly delim: Delim
  readonly urlPart: UrlPart
  readonly jsCtx: JsCtx
  readonly attr: Attr
  readonly element: Element
  /** Set in stateError only. */
  readonly error: EscapeError | null
}

/** Where a document starts. */
export const textContext: Context = {
  state: 'stateText',
  delim: 'delimNone',
  urlPart: 'urlPartNone',
  jsCtx: 'jsCtxRegexp',
  attr: 'attrNone',
  element: 'elementNone',
  error: null,
}

export function contextIn(parts: Partial<Context>): Context {
  return { ...textContext, ...parts }
}

export function sameContext(a: Context, b: Context): boolean {
  return (
    a.state === b.state &&
    a.delim === b.delim &&
    a.urlPart === b.urlPart &&
    a.jsCtx === b.jsCtx &&
    a.attr === b.attr &&
    a.element === b.element &&
    a.error === b.error
  )
}

/** As error texts show it. */
export function contextText(c: Context): string {
  return `{${c.state} ${c.delim} ${c.urlPart} ${c.jsCtx} ${c.attr} ${c.element} ${c.error?.message ?? '<nil>'}}`
}

/** Name of a template when it is called at such a place. */
export function derivedName(name: string, c: Context): string {
  if (c.state === 'stateText') return name
  let out = `${name}$htmltemplate_${c.state}`
  if (c.delim !== 'delimNone') out += `_${c.delim}`
  if (c.urlPart !== 'urlPartNone') out += `_${c.urlPart}`
  if (c.jsCtx !== 'jsCtxRegexp') out += `_${c.jsCtx}`
  if (c.attr !== 'attrNone') out += `_${c.attr}`
  if (c.element !== 'elementNone') out += `_${c.element}`
  return out
}

const comments: ReadonlySet<State> = new Set([
  'stateHTMLCmt',
  'stateJSBlockCmt',
  'stateJSLineCmt',
  'stateCSSBlockCmt',
  'stateCSSLineCmt',
])

export function isComment(state: State): boolean {
  return comments.has(state)
}

/** State at the start of the value of an attribute. */
export const valueStates: Readonly<Record<Attr, State>> = {
  attrNone: 'stateAttr',
  attrScript: 'stateJS',
  attrScriptType: 'stateAttr',
  attrStyle: 'stateCSS',
  attrURL: 'stateURL',
  attrSrcset: 'stateSrcset',
}

/** State of the content of an element. */
export const contentStates: Readonly<Record<Element, State>> = {
  elementNone: 'stateText',
  elementScript: 'stateJS',
  elementStyle: 'stateCSS',
  elementTextarea: 'stateRCDATA',
  elementTitle: 'stateRCDATA',
}
