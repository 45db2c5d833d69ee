/** Values of vars as `show` and `show-template` print them. */
import { goDuration } from '../go/go-duration.js'
import { isObject, type Json, JsonNumber } from '../go/lossless-json.js'

export function varText(type: string, value: Json): string {
  if (type === 'star') return '*'
  if (type === 'duration' && value instanceof JsonNumber) return goDuration(BigInt(value.text))
  if (value instanceof JsonNumber) return value.text
  if (!Array.isArray(value)) return String(value)
  return `[${value.map((item) => (isObject(item) ? varText(String(item.type), item.value ?? null) : '')).join(' ')}]`
}
