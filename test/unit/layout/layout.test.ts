/** The rules of the source tree's layout (docs/architecture.md, The rooms). */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { floors } from './floors.js'
import { circles, importsOf, roomOf, root, sourceFiles } from './imports.js'

const files = sourceFiles()
const imports = importsOf(files)
/** A folder with more is hard to find one's way in. */
const maxFiles = 25

describe('layout', () => {
  it('has a room for every file, and a file in every room', () => {
    expect(files.length).toBeGreaterThan(300)
    expect(files.filter((f) => roomOf(f) === undefined)).toEqual([])
    const used = new Set(files.map((f) => roomOf(f)?.room))
    expect(floors.flat().filter((room) => !used.has(room))).toEqual([])
  })

  it('imports down the floors only', () => {
    const up: string[] = []
    for (const [file, targets] of imports) {
      for (const target of targets) {
        const from = roomOf(file)
        const to = roomOf(target)
        if (from === undefined || to === undefined || from.room === to.room || from.floor < to.floor) continue
        up.push(`${file} imports ${target}`)
      }
    }
    expect(up).toEqual([])
  })

  it('has no circles', () => {
    expect([...imports.values()].flat().length).toBeGreaterThan(1000)
    expect(circles(imports)).toEqual([])
  })

  it('sees a circle', () => {
    const tied = new Map([
      ['a', ['b']],
      ['b', ['c', 'd']],
      ['c', ['a']],
      ['d', []],
    ])
    expect(circles(tied).map((c) => c.sort())).toEqual([['a', 'b', 'c']])
  })

  it(`has no folder of more than ${maxFiles} files`, () => {
    const folders = new Set(files.map((f) => path.dirname(f)))
    const counts = [...folders].map((folder) => {
      const own = readdirSync(path.join(root, 'src', folder)).filter((f) => f.endsWith('.ts'))
      return { folder, n: own.length }
    })
    expect(counts.filter(({ n }) => n > maxFiles)).toEqual([])
  })

  it('is what docs/architecture.md shows', () => {
    const text = readFileSync(path.join(root, 'docs/architecture.md'), 'utf8')
    const shown = /<!-- floors -->\n+```\n([\s\S]*?)```/.exec(text)?.[1] ?? ''
    const rows = shown
      .trim()
      .split('\n')
      .map((row) => row.split(/\s{2,}/)[0].split(' · '))
    const named = (rooms: readonly string[]) => rooms.map((r) => r.replace(/\.ts$/, '')).sort()
    expect(rows.map(named)).toEqual(floors.map(named))
  })
})
