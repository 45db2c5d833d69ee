/** The static text of a template: where it leads, and how it is written: without comments, and with `<` escaped in text. Thread: any. */
import { type Context, isComment } from './context.js'
import { DocumentText } from './transitions.js'

/** Throws EscapeError. */
export function escapeStatic(start: Context, text: string): { to: Context; text: string } {
  const document = new DocumentText(text)
  let out = ''
  let c = start
  let at = 0
  /** What is before it has been written or left out. */
  let written = 0
  while (at < text.length) {
    const step = document.step(c, at)
    const to = step.to
    const end = at + step.taken
    if (c.state === 'stateText' || c.state === 'stateRCDATA') {
      // The `<` that leads away is no text.
      const open = to.state === c.state ? -1 : text.lastIndexOf('<', end - 1)
      const textEnd = open >= at ? open : end
      for (let i = text.indexOf('<', at); i >= 0 && i < textEnd; i = text.indexOf('<', i + 1)) {
        if (/^<!doctype/i.test(text.slice(i, i + 9))) continue
        out += `${text.slice(written, i)}&lt;`
        written = i + 1
      }
    } else if (isComment(c.state) && c.delim === 'delimNone') {
      if (c.state === 'stateJSBlockCmt') out += /[\n\r\u2028\u2029]/.test(text.slice(written, end)) ? '\n' : ' '
      else if (c.state === 'stateCSSBlockCmt') out += ' '
      written = end
    }
    if (to.state !== c.state && isComment(to.state) && to.delim === 'delimNone') {
      out += text.slice(written, end - (to.state === 'stateHTMLCmt' ? 4 : 2))
      written = end
    }
    c = to
    at = end
  }
  // What a comment begins goes on behind the next value.
  const inComment = isComment(c.state) && c.delim === 'delimNone'
  return { to: c, text: inComment ? out : out + text.slice(written) }
}
