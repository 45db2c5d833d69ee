/**
 * Printing as Go's fmt does: %v, Sprint and Sprintln over template values. Thread: any.
 */

import { Duration, Timestamp } from '../columns/values.js'
import { goDuration } from '../go/go-duration.js'
import { goQuote } from '../go/go-format.js'
import { floatText } from './float-text.js'
import { timeSyntax, timeText } from './go-time.js'
import {
  basicKind,
  GoEnum,
  GoInt,
  GoList,
  GoMap,
  HtmlText,
  intOf,
  JsText,
  type TemplateValue,
  typeName,
} from './values.js'

/** Go's %v. */
export function valueText(v: TemplateValue, plus = false): string {
  switch (typeof v) {
    case 'undefined':
      return '<nil>'
    case 'string':
      return v
    case 'number':
      return floatText(v, 'g', -1)
    case 'bigint':
      return v.toString()
    case 'boolean':
      return v ? 'true' : 'false'
  }
  if (v instanceof Duration) return goDuration(v.ns)
  if (v instanceof Timestamp) return timeText(v)
  if (v instanceof GoEnum) return v.text
  if (v instanceof GoInt) return v.value.toString()
  if (v instanceof JsText || v instanceof HtmlText) return v.text
  if (v instanceof GoList) return `[${v.items.map((x) => valueText(x, plus)).join(' ')}]`
  if (v instanceof GoMap) {
    return `map[${v
      .sortedKeys()
      .map((k) => `${k}:${valueText(v.entries.get(k), plus)}`)
      .join(' ')}]`
  }
  return `{${[...v.fields].map(([k, x]) => (plus ? `${k}:` : '') + valueText(x, plus)).join(' ')}}`
}

/** fmt.Sprint: a blank between operands when neither is a string. */
export function sprint(args: readonly TemplateValue[]): string {
  let out = ''
  args.forEach((a, i) => {
    if (i > 0 && basicKind(a) !== 'string' && basicKind(args[i - 1]) !== 'string') out += ' '
    out += valueText(a)
  })
  return out
}

export function sprintln(args: readonly TemplateValue[]): string {
  return `${args.map((a) => valueText(a)).join(' ')}\n`
}

/** Go's %#v: as Go source. */
export function goSyntax(v: TemplateValue): string {
  switch (typeof v) {
    case 'string':
      return goQuote(v)
    case 'undefined':
    case 'number':
    case 'bigint':
    case 'boolean':
      return valueText(v)
  }
  if (v instanceof JsText || v instanceof HtmlText) return goQuote(v.text)
  if (v instanceof Timestamp) return timeSyntax(v)
  if (v instanceof GoInt && v.typeName === 'uint8') return `0x${v.value.toString(16)}`
  if (v instanceof Duration || v instanceof GoEnum || v instanceof GoInt) return intOf(v).toString()
  if (v instanceof GoList) {
    return v.isNil ? `${v.typeName}(nil)` : `${v.typeName}{${v.items.map(innerSyntax).join(', ')}}`
  }
  const name = typeName(v).replace(/^\*/, '&')
  const entries =
    v instanceof GoMap ? v.sortedKeys().map((k) => [goQuote(k), v.entries.get(k)] as const) : [...v.fields]
  return `${name}{${entries.map(([k, x]) => `${k}:${innerSyntax(x)}`).join(', ')}}`
}

function innerSyntax(v: TemplateValue): string {
  return v === undefined ? 'interface {}(nil)' : goSyntax(v)
}
