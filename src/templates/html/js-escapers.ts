/**
 * Values in scripts and event handlers. What they print holds no backtick and no `${` either, so that it stays what it is in
 * template literals too, which the contexts do not know. Thread: any.
 */

import { Duration } from '../../columns/values.js'
import { ShardlineError } from '../../errors.js'
import { goDuration } from '../../go/go-duration.js'
import { sprint } from '../print.js'
import { GoEnum, HtmlText, JsText, marshal, type TemplateValue } from '../values.js'
import { type Escaper, textOf } from './text-of.js'

/** Holds for strings of JavaScript and JSON, where both escapes mean the character. */
function closeTemplates(s: string): string {
  return s.replace(/`|\$(?=\{)/g, (c) => (c === '`' ? '\\u0060' : '\\u0024'))
}

/** As an expression. */
export const valueEscaper: Escaper = (args) => {
  const [v] = args
  if (args.length !== 1) return literal(sprint(args))
  return v instanceof JsText ? closeTemplates(v.text) : literal(plainOf(v))
}

/** Numbers with names print these. */
function plainOf(v: TemplateValue): TemplateValue {
  if (v instanceof Duration) return goDuration(v.ns)
  if (v instanceof GoEnum) return v.text
  return v instanceof HtmlText ? v.text : v
}

function literal(v: TemplateValue): string {
  let json: string
  try {
    json = closeTemplates(marshal(v))
  } catch (err) {
    if (!(err instanceof ShardlineError)) throw err
    // The blank keeps a slash before it from starting a line comment.
    return ` /* ${err.message.replaceAll('*/', '* /')} */null `
  }
  // Words and numbers must not join their neighbours.
  return /^[$\w]|[$\w]$/.test(json) ? ` ${json} ` : json
}

function escapeWith(special: RegExp, short: Readonly<Record<string, string>>) {
  const one = (c: string) => short[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`
  return (s: string) => s.replace(special, one)
}

const controls = { '\t': '\\t', '\n': '\\n', '\f': '\\f', '\r': '\\r', '/': '\\/', '\\': '\\\\' }

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be escaped
const inString = escapeWith(/[\0-\x1f"&'+/<>\\`\u2028\u2029]|\$(?=\{)/g, controls)

/** Inside of a quoted string. */
export const stringEscaper = textOf(inString)

const literals: Record<string, string> = { ...controls }
for (const c of '$()*-.?[]^{|}') literals[c] = `\\${c}`
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be escaped
const inRegexp = escapeWith(/[\0-\x1f"$&'()*+\-./<>?[\\\]^`{|}\u2028\u2029]/g, literals)

/** Inside of a regular expression, as text to be matched. An empty one would make a comment of it. */
export const regexpEscaper = textOf((s) => inRegexp(s) || '(?:)')
