/** Values in URLs and lists of URLs. Thread: any. */
import { failsafe, textOf } from './text-of.js'

const unreserved = /[A-Za-z0-9\-._~]/
const reserved = /[!#$&*+,/:;=?@[\]]/

/** `keepsUrl`: what a URL is made of stays, escapes too. */
function percentEncode(s: string, keepsUrl: boolean): string {
  const bytes = Buffer.from(s, 'utf8')
  let out = ''
  for (let i = 0; i < bytes.length; i++) {
    const c = String.fromCharCode(bytes[i])
    const stays =
      unreserved.test(c) ||
      (keepsUrl && (reserved.test(c) || (c === '%' && /^[0-9a-fA-F]{2}$/.test(bytes.toString('latin1', i + 1, i + 3)))))
    out += stays ? c : `%${bytes[i].toString(16).padStart(2, '0')}`
  }
  return out
}

/** Relative URLs and those of schemes that do nothing without the reader. */
function isSafeUrl(url: string): boolean {
  const colon = url.indexOf(':')
  if (colon < 0) return true
  const scheme = url.slice(0, colon)
  return scheme.includes('/') || /^(?:https?|mailto)$/i.test(scheme)
}

/** At the start of a URL. */
export const urlFilter = textOf((s) => (isSafeUrl(s) ? s : `#${failsafe}`))

/** Before the query. */
export const urlNormalizer = textOf((s) => percentEncode(s, true))

/** In the query and behind it. */
export const urlEscaper = textOf((s) => percentEncode(s, false))

/** URLs with a width or density each. */
export const srcsetEscaper = textOf((s) => s.split(',').map(srcsetElement).join(','))

function srcsetElement(element: string): string {
  const m = /^([\t\n\f\r ]*)([^\t\n\f\r ]*)([\t\n\f\r 0-9A-Za-z]*)$/.exec(element)
  return m !== null && isSafeUrl(m[2]) ? m[1] + percentEncode(m[2], true) + m[3] : `#${failsafe}`
}
