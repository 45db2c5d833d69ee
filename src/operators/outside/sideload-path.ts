/**
 * The order templates of sideload: from the tags of a row to the path of a file. Thread: any.
 *
 * Text with `{{.tag}}` in it is put together from bytes; whatever else Go templates can do goes through the template engine.
 */
import { posix } from 'node:path'
import type { Column } from '../../columns/column.js'
import { encodeUtf8 } from '../../columns/column.js'
import { Kind } from '../../columns/kinds.js'
import { compileTextTemplate, GoMap, type Template } from '../../templates/index.js'

export type PathPart = { readonly text: Uint8Array } | { readonly tag: string }

export interface PathTemplate {
  /** null: only the template engine can make it, and it may look at any tag. */
  readonly parts: readonly PathPart[] | null
  readonly template: Template
}

/** Throws a ShardlineError for a template that cannot be parsed. */
export function pathTemplate(source: string): PathTemplate {
  return { parts: partsOf(source), template: compileTextTemplate('order', source) }
}

function partsOf(source: string): PathPart[] | null {
  const parts: PathPart[] = []
  let from = 0
  for (const m of source.matchAll(/\{\{\s*\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g)) {
    if (m.index > from) parts.push({ text: encodeUtf8(source.slice(from, m.index)) })
    parts.push({ tag: m[1] })
    from = m.index + m[0].length
  }
  if (from < source.length) parts.push({ text: encodeUtf8(source.slice(from)) })
  const rest = source.replaceAll(/\{\{\s*\.[A-Za-z_][A-Za-z0-9_]*\s*\}\}/g, '')
  return rest.includes('{{') || rest.includes('}}') ? null : parts
}

/** Tags that the templates look at; null: any. */
export function tagsOf(templates: readonly PathTemplate[]): string[] | null {
  const names = new Set<string>()
  for (const { parts } of templates) {
    if (parts === null) return null
    for (const p of parts) if ('tag' in p) names.add(p.tag)
  }
  return [...names]
}

const noValue = encodeUtf8('<no value>')
const slash = 47
const dot = 46

/** The path of the row at hand, cleaned, in `bytes[0 … length)`. */
export class PathBuffer {
  bytes: Uint8Array = new Uint8Array(256)
  length = 0

  /** `columnOf` gives the column of a tag, null when no row has it. */
  render(parts: readonly PathPart[], columnOf: (tag: string) => Column | null, row: number): void {
    this.length = 0
    for (const p of parts) {
      if ('text' in p) this.add(p.text, 0, p.text.length)
      else {
        const c = columnOf(p.tag)
        if (c === null || c.kinds[row] === Kind.Missing) this.add(noValue, 0, noValue.length)
        else this.add(c.bytes, c.i32[2 * row], c.i32[2 * row + 1])
      }
    }
    this.clean()
  }

  /** Throws what the template throws. */
  execute(template: Template, tags: Map<string, string>): void {
    const b = encodeUtf8(template.execute(new GoMap('map[string]string', tags, 'string')))
    this.length = 0
    this.add(b, 0, b.length)
    this.clean()
  }

  private add(src: Uint8Array, offset: number, length: number): void {
    if (this.length + length > this.bytes.length) {
      const bytes = new Uint8Array(2 * (this.length + length))
      bytes.set(this.bytes.subarray(0, this.length))
      this.bytes = bytes
    }
    for (let i = 0; i < length; i++) this.bytes[this.length + i] = src[offset + i]
    this.length += length
  }

  private clean(): void {
    const { bytes, length } = this
    // A slash or dot behind a slash, at the end or a dot at the start: only then is there something to clean.
    let before = slash
    for (let i = 0; i <= length; i++) {
      const c = i < length ? bytes[i] : slash
      if (before === slash && (c === slash || c === dot)) {
        const b = encodeUtf8(cleanPath(Buffer.from(bytes.slice(0, length)).toString()))
        this.length = 0
        this.add(b, 0, b.length)
        return
      }
      before = c
    }
  }
}

/** Go's path.Clean. */
export function cleanPath(path: string): string {
  const clean = posix.normalize(path)
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean
}
