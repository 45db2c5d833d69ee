/**
 * The values that templates work on: boxed values (columns/values.ts) plus maps, lists and structs that know the names of
 * their Go types, which appear in error texts. `undefined` is Go's invalid value, printed `<no value>`; a nil interface
 * becomes it as soon as a pipeline hands it on. Thread: any.
 */
import { compareBytewise, jsonFloat, jsonString, jsonValue } from '../columns/json-encode.js'
import { Duration, Timestamp } from '../columns/values.js'

export class GoMap {
  constructor(
    readonly typeName: string,
    readonly entries: ReadonlyMap<string, TemplateValue>,
    /** Type of the elements: what an absent key gives to `index`. */
    readonly elem: 'string' | 'interface {}',
  ) {}

  sortedKeys(): string[] {
    return [...this.entries.keys()].sort(compareBytewise)
  }
}

export class GoList {
  constructor(
    readonly typeName: string,
    readonly items: readonly TemplateValue[],
    /** A slice that was never made: empty, but null as JSON. */
    readonly isNil = false,
  ) {}
}

/** How the fields of a struct are named in JSON. */
export interface JsonMembers {
  readonly names: Readonly<Record<string, string>>
  /** Whether empty texts, maps and lists are left out. */
  readonly omitEmpty: boolean
}

export class GoStruct {
  constructor(
    readonly typeName: string,
    /** In the order of declaration. */
    readonly fields: ReadonlyMap<string, TemplateValue>,
    /** Absent: the names of the fields. */
    readonly json?: JsonMembers,
    /** Fields that can be read, but are not part of what prints. */
    readonly hidden?: ReadonlyMap<string, TemplateValue>,
  ) {}
}

/** An integer of another type than int64: literals, lengths, parts of dates are int, bytes of texts uint8. */
export class GoInt {
  constructor(
    readonly value: bigint,
    readonly typeName: 'int' | 'uint8' = 'int',
  ) {}

  static of(n: number): GoInt {
    return new GoInt(BigInt(n))
  }
}

/** A named integer with a String method: time.Weekday, time.Month, alert.Level. */
export class GoEnum {
  constructor(
    readonly typeName: string,
    readonly value: bigint,
    readonly text: string,
    /** Whether JSON has its text, not its number. */
    readonly jsonText = false,
  ) {}
}

/** JavaScript source text that is safe as it is: what `json` returns. */
export class JsText {
  constructor(readonly text: string) {}
}

/** HTML that is safe as it is: what `safeHTML` returns. */
export class HtmlText {
  constructor(readonly text: string) {}
}

export type TemplateValue =
  | undefined
  | bigint
  | number
  | string
  | boolean
  | Duration
  | Timestamp
  | GoMap
  | GoList
  | GoStruct
  | GoEnum
  | GoInt
  | JsText
  | HtmlText

/** What stops an execution: turned into the full error text where the node is known. */
export class TemplateError extends Error {}

export function typeName(v: TemplateValue): string {
  switch (typeof v) {
    case 'undefined':
      return '<nil>'
    case 'bigint':
      return 'int64'
    case 'number':
      return 'float64'
    case 'string':
      return 'string'
    case 'boolean':
      return 'bool'
  }
  if (v instanceof Duration) return 'time.Duration'
  if (v instanceof Timestamp) return 'time.Time'
  if (v instanceof JsText) return 'template.JS'
  if (v instanceof HtmlText) return 'template.HTML'
  return v.typeName
}

/** Whether an `if` takes the value as true. */
export function isTrue(v: TemplateValue): boolean {
  switch (typeof v) {
    case 'undefined':
      return false
    case 'bigint':
      return v !== 0n
    case 'number':
      return v !== 0
    case 'string':
      return v !== ''
    case 'boolean':
      return v
  }
  if (v instanceof Duration) return v.ns !== 0n
  if (v instanceof GoMap) return v.entries.size > 0
  if (v instanceof GoList) return v.items.length > 0
  if (v instanceof GoEnum || v instanceof GoInt) return v.value !== 0n
  if (v instanceof JsText || v instanceof HtmlText) return v.text !== ''
  return true
}

/** Kinds that can be compared with each other. */
export function basicKind(v: TemplateValue): 'bool' | 'int' | 'float' | 'string' | 'invalid' {
  switch (typeof v) {
    case 'boolean':
      return 'bool'
    case 'bigint':
      return 'int'
    case 'number':
      return 'float'
    case 'string':
      return 'string'
  }
  if (v instanceof Duration || v instanceof GoEnum || v instanceof GoInt) return 'int'
  if (v instanceof JsText || v instanceof HtmlText) return 'string'
  return 'invalid'
}

export function intOf(v: TemplateValue): bigint {
  if (typeof v === 'bigint') return v
  if (v instanceof Duration) return v.ns
  if (v instanceof GoEnum || v instanceof GoInt) return v.value
  throw new TemplateError('not an integer')
}

/** Go's json.Marshal. Throws for NaN and infinities. */
export function marshal(v: TemplateValue): string {
  if (v === undefined) return 'null'
  if (typeof v === 'number') return jsonFloat(v)
  if (typeof v !== 'object') return jsonValue(v)
  if (v instanceof Duration || v instanceof Timestamp) return jsonValue(v)
  if (v instanceof JsText || v instanceof HtmlText) return jsonString(v.text)
  if (v instanceof GoInt) return v.value.toString()
  if (v instanceof GoEnum) return v.jsonText ? jsonString(v.text) : v.value.toString()
  if (v instanceof GoList) return v.isNil ? 'null' : `[${v.items.map(marshal).join(',')}]`
  const members = new JsonMemberList()
  if (v instanceof GoMap) for (const k of v.sortedKeys()) members.add(k, v.entries.get(k))
  else {
    for (const [k, x] of v.fields) {
      if (v.json?.omitEmpty !== true || !isEmpty(x)) members.add(v.json?.names[k] ?? k, x)
    }
  }
  return members.done()
}

class JsonMemberList {
  private out = '{'

  add(name: string, v: TemplateValue): void {
    this.out += `${this.out.length > 1 ? ',' : ''}${jsonString(name)}:${marshal(v)}`
  }

  done(): string {
    return `${this.out}}`
  }
}

function isEmpty(v: TemplateValue): boolean {
  return v === '' || (v instanceof GoMap && v.entries.size === 0) || (v instanceof GoList && v.items.length === 0)
}
