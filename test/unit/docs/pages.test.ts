import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { referencePages } from '../../../src/docs/pages.js'
import { errorGroups } from '../../../src/error-codes.js'

const root = join(import.meta.dirname, '../../..')
const reference = join(root, 'docs/reference')
const pages = referencePages((method) => {
  const file = join(root, 'docs/examples/nodes', `${method}.tick`)
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
})

it('the committed pages are those of the tables: run `npm run docs`', () => {
  const stale = [...pages].filter(([name, text]) => {
    const file = join(reference, name)
    return !existsSync(file) || readFileSync(file, 'utf8') !== text
  })
  expect(stale.map(([name]) => name)).toEqual([])
  const files = readdirSync(reference, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const extra = files.map((f) => relative(reference, join(f.parentPath, f.name))).filter((name) => !pages.has(name))
  expect(extra).toEqual([])
})

describe('pages', () => {
  it('have no gaps', () => {
    for (const [name, text] of pages) {
      expect(text, name).not.toMatch(/undefined|\[object|NaN bytes/)
      expect(text, name).not.toMatch(/\n\n\n/)
    }
  })

  it('link to pages and headings that exist', () => {
    for (const [name, text] of pages) {
      for (const [, link] of text.matchAll(/\]\(([^)]+)\)/g)) {
        if (/^https?:/.test(link!)) continue
        const [file, heading] = link!.split('#')
        const target = file === '' ? name : normalize(join(dirname(name), file!))
        expect(pages.has(target), `${name}: ${link}`).toBe(true)
        if (heading !== undefined) expect(pages.get(target)).toContain(`## ${heading}`)
      }
    }
  })
})

describe('error codes', () => {
  const codes = new Set(errorGroups.flatMap((group) => Object.keys(group.codes)))
  const used = new Set<string>()
  for (const file of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file === 'error-codes.ts') continue
    const text = readFileSync(join(root, 'src', file), 'utf8')
    for (const m of text.matchAll(/(?:ShardlineError|super|fail|reject)\(\s*'([a-z][a-z0-9]*(?:-[a-z0-9]+)*)'\s*,/g))
      used.add(m[1])
    for (const m of text.matchAll(/ShardlineError\([^']{0,80}\? '?[a-z.]+'? : '([a-z-]+)'/g)) used.add(m[1])
    for (const m of text.matchAll(/err\.code : '([a-z-]+)'/g)) used.add(m[1])
  }

  it('are all listed', () => {
    const missing = [...used].filter((code) => !codes.has(code)).sort()
    expect(missing, `add to src/error-codes.ts: ${missing.join(', ')}`).toEqual([])
  })

  it('are all used', () => {
    const everything = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && file !== 'error-codes.ts')
      .map((file) => readFileSync(join(root, 'src', file), 'utf8'))
      .join('\n')
    // Some are put together: `bad-${what}-id`.
    const made = [...everything.matchAll(/ShardlineError\(`([a-z-]*)\$\{\w+\}([a-z-]*)`/g)].map(
      (m) => new RegExp(`^${m[1]}[a-z]+${m[2]}$`),
    )
    const unused = [...codes].filter((code) => !everything.includes(`'${code}'`) && !made.some((m) => m.test(code)))
    expect(unused).toEqual([])
  })
})
