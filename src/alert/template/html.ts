/**
 * HTML output with escaping by context, for `details` templates. The static text runs through a small scanner of HTML while the
 * template is executed, so every value is escaped for the place where it really lands.
 *
 * Supported contexts: text, element content of title and textarea, attribute values (plain, URL, event handlers), attribute
 * and tag names, script (values, quoted strings). Style sheets, srcset, JavaScript templates and regular expressions are not
 * supported: values there are written as `ZgotmplZ`. HTML comments are removed.
 */
import { jsonString } from '../../columns/json-encode.js'
import { Duration } from '../../columns/values.js'
import type { Output } from './exec.js'
import { valueText } from './print.js'
import { GoEnum, JsText, marshal, type TemplateValue } from './values.js'

type Mode =
  | 'text'
  | 'rcdata'
  | 'tag'
  | 'attrName'
  | 'afterName'
  | 'beforeValue'
  | 'value'
  | 'comment'
  | 'script'
  | 'scriptDq'
  | 'scriptSq'
  | 'style'
type AttrKind = 'plain' | 'url' | 'js' | 'unsupported'

const urlAttributes = new Set([
  'action',
  'archive',
  'background',
  'cite',
  'classid',
  'codebase',
  'data',
  'formaction',
  'href',
  'icon',
  'longdesc',
  'manifest',
  'poster',
  'profile',
  'src',
  'usemap',
  'xmlns',
])

function attrKind(name: string): AttrKind {
  const bare = name.toLowerCase().replace(/^data-/, '')
  if (bare.startsWith('on')) return 'js'
  if (bare === 'style' || bare === 'srcset') return 'unsupported'
  if (urlAttributes.has(bare) || bare.startsWith('xmlns:') || /src|uri|url/.test(bare)) return 'url'
  return 'plain'
}

export class HtmlOutput implements Output {
  private out = ''
  private mode: Mode = 'text'
  /** Of an attribute value: its quote, '' for an unquoted one. */
  private quote = ''
  private attr: AttrKind = 'plain'
  /** What was written of the attribute value so far: URL escaping depends on it. */
  private written = ''
  private attrName = ''
  /** Element whose content is special: script, style, title, textarea. */
  private element = ''
  private closing = false

  get length(): number {
    return this.out.length
  }

  result(): string {
    return this.out
  }

  text(s: string): void {
    let at = 0
    while (at < s.length) at = this.scan(s, at)
  }

  value(v: TemplateValue): void {
    switch (this.mode) {
      case 'text':
        this.out += escapeText(plain(v))
        break
      case 'rcdata':
        this.out += escapeText(plain(v))
        break
      case 'comment':
        break
      case 'script':
        this.out += jsValue(v)
        break
      case 'scriptDq':
      case 'scriptSq':
        this.out += v instanceof JsText ? jsString(v.text) : jsString(plain(v))
        break
      case 'style':
        this.out += 'ZgotmplZ'
        break
      case 'beforeValue':
        this.quote = ''
        this.enterValue()
        this.attributeValue(v)
        break
      case 'value':
        this.attributeValue(v)
        break
      default:
        // A tag or attribute name.
        this.out += /^[A-Za-z][A-Za-z0-9-]*$/.test(plain(v)) ? plain(v).toLowerCase() : 'ZgotmplZ'
        if (this.mode === 'tag') this.mode = 'attrName'
    }
  }

  private attributeValue(v: TemplateValue): void {
    let s: string
    if (this.attr === 'unsupported') s = 'ZgotmplZ'
    else if (this.attr === 'js') s = jsValue(v)
    else if (this.attr === 'url') s = this.urlPart(plain(v))
    else s = plain(v)
    this.written += s
    this.out += this.quote === '' ? escapeUnquoted(s) : escapeText(s)
  }

  private urlPart(s: string): string {
    if (/[?#]/.test(this.written)) return percentEncode(s, false)
    if (this.written.trim() === '' && hasUnsafeScheme(s)) return '#ZgotmplZ'
    return percentEncode(s, true)
  }

  private enterValue(): void {
    this.mode = 'value'
    this.attr = attrKind(this.attrName)
    this.written = ''
  }

  /** Writes some text from `at` on and answers where to go on. */
  private scan(s: string, at: number): number {
    switch (this.mode) {
      case 'text': {
        const open = s.indexOf('<', at)
        if (open < 0) return this.copy(s, at, s.length)
        if (s.startsWith('<!--', open)) {
          this.copy(s, at, open)
          this.mode = 'comment'
          return open + 4
        }
        const m = /^<(\/?)([A-Za-z][A-Za-z0-9:-]*)/.exec(s.slice(open, open + 40))
        if (m === null) return this.copy(s, at, open + 1)
        this.element = m[2].toLowerCase()
        this.closing = m[1] !== ''
        this.mode = 'tag'
        return this.copy(s, at, open + m[0].length)
      }
      case 'comment': {
        const close = s.indexOf('-->', at)
        if (close < 0) return s.length
        this.mode = 'text'
        return close + 3
      }
      case 'tag':
        return this.scanTag(s, at)
      case 'attrName': {
        const m = /^[^\s=>/]*/.exec(s.slice(at))!
        this.attrName += m[0]
        this.mode = at + m[0].length < s.length ? 'afterName' : 'attrName'
        return this.copy(s, at, at + m[0].length) || s.length
      }
      case 'afterName': {
        const blank = /^\s*/.exec(s.slice(at))![0].length
        const c = s[at + blank]
        if (c === undefined) return this.copy(s, at, s.length)
        if (c === '=') {
          this.mode = 'beforeValue'
          return this.copy(s, at, at + blank + 1)
        }
        this.mode = 'tag'
        return blank > 0 ? this.copy(s, at, at + blank) : at
      }
      case 'beforeValue': {
        const blank = /^\s*/.exec(s.slice(at))![0].length
        const c = s[at + blank]
        if (c === undefined) return this.copy(s, at, s.length)
        this.quote = c === '"' || c === "'" ? c : ''
        this.enterValue()
        return this.copy(s, at, at + blank + (this.quote === '' ? 0 : 1))
      }
      case 'value': {
        const end = this.quote === '' ? s.slice(at).search(/[\s>]/) : s.indexOf(this.quote, at) - at
        if (end < 0) {
          this.written += s.slice(at)
          return this.copy(s, at, s.length)
        }
        this.mode = 'tag'
        return this.copy(s, at, at + end + (this.quote === '' ? 0 : 1))
      }
      default:
        return this.scanSpecial(s, at)
    }
  }

  private scanTag(s: string, at: number): number {
    const blank = /^[\s/]*/.exec(s.slice(at))![0].length
    const c = s[at + blank]
    if (c === undefined) return this.copy(s, at, s.length)
    if (c !== '>') {
      this.attrName = ''
      this.mode = 'attrName'
      if (c === '=') this.mode = 'afterName'
      return this.copy(s, at, at + blank) || at + blank
    }
    this.mode = 'text'
    if (!this.closing) {
      if (this.element === 'script') this.mode = 'script'
      else if (this.element === 'style') this.mode = 'style'
      else if (this.element === 'title' || this.element === 'textarea') this.mode = 'rcdata'
    }
    return this.copy(s, at, at + blank + 1)
  }

  /** Inside script, style, title and textarea. */
  private scanSpecial(s: string, at: number): number {
    const rest = s.slice(at)
    const close = rest.search(new RegExp(`</${this.element}[\\s>/]`, 'i'))
    const end = close < 0 ? s.length : at + close
    if (this.mode === 'script' || this.mode === 'scriptDq' || this.mode === 'scriptSq') {
      for (let i = at; i < end; i++) {
        const c = s[i]
        if (this.mode === 'script') this.mode = c === '"' ? 'scriptDq' : c === "'" ? 'scriptSq' : 'script'
        else if (c === '\\') i++
        else if (c === (this.mode === 'scriptDq' ? '"' : "'") || c === '\n') this.mode = 'script'
      }
    }
    if (close < 0) return this.copy(s, at, end)
    this.mode = 'text'
    return this.copy(s, at, end)
  }

  private copy(s: string, from: number, to: number): number {
    this.out += s.slice(from, to)
    return to
  }
}

function plain(v: TemplateValue): string {
  return v === undefined ? '' : valueText(v)
}

const textEntities: Record<string, string> = {
  '\0': '\ufffd',
  '"': '&#34;',
  '&': '&amp;',
  "'": '&#39;',
  '+': '&#43;',
  '<': '&lt;',
  '>': '&gt;',
}

function escapeText(s: string): string {
  if (!/[\0"&'+<>]/.test(s)) return s
  return s
    .replaceAll('&', '&amp;')
    .replaceAll('"', '&#34;')
    .replaceAll("'", '&#39;')
    .replaceAll('+', '&#43;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('\0', '\ufffd')
}

function escapeUnquoted(s: string): string {
  return s.replace(/[\0"&'+<>\t\n\v\f\r =`]/g, (c) => textEntities[c] ?? `&#${c.charCodeAt(0)};`)
}

function hasUnsafeScheme(s: string): boolean {
  const colon = s.indexOf(':')
  if (colon < 0 || s.slice(0, colon).includes('/')) return false
  return !/^(https?|mailto)$/i.test(s.slice(0, colon))
}

/** `normalize` keeps what is already part of a URL. */
function percentEncode(s: string, normalize: boolean): string {
  let out = ''
  const bytes = Buffer.from(s, 'utf8')
  for (let i = 0; i < bytes.length; i++) {
    const c = String.fromCharCode(bytes[i])
    if (/[A-Za-z0-9\-._~]/.test(c)) out += c
    else if (normalize && /[!#$&*+,/:;=?@[\]]/.test(c)) out += c
    else if (normalize && c === '%' && /^[0-9a-fA-F]{2}$/.test(bytes.toString('latin1', i + 1, i + 3))) out += c
    else out += `%${bytes[i].toString(16).padStart(2, '0')}`
  }
  return out
}

/** A value as JavaScript source. Numbers and words get blanks around them so that they never join their neighbours. */
function jsValue(v: TemplateValue): string {
  if (v instanceof JsText) return v.text
  if (v === undefined) return ' null '
  const text = v instanceof Duration || v instanceof GoEnum ? jsonString(valueText(v)) : marshal(v)
  return /^[\w$]/.test(text) || /[\w$]$/.test(text) ? ` ${text} ` : text
}

/** Text inside a quoted JavaScript string. */
function jsString(s: string): string {
  let out = ''
  for (let i = 0; i < s.length; i++) {
    const c = s[i]
    if (c === '\\' || c === '/') out += `\\${c}`
    else if (c === '\n') out += '\\n'
    else if (c === '\r') out += '\\r'
    else if (c === '\t') out += '\\t'
    else if (/["'<>&+`\u2028\u2029]/.test(c) || s.charCodeAt(i) < 0x20) {
      out += `\\u${s.charCodeAt(i).toString(16).padStart(4, '0')}`
    } else out += c
  }
  return out
}
