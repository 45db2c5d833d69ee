import { expect, it } from 'vitest'
import { LineRows } from '../../../src/columns/line-rows.js'
import type { Value } from '../../../src/columns/values.js'

function rowsOf(...lines: string[]): LineRows {
  const bytes = Buffer.from(`..${lines.join('\n')}`)
  const starts: number[] = []
  let at = 0
  for (const l of lines) {
    starts.push(at)
    at += Buffer.byteLength(l) + 1
  }
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
  shared.set(bytes)
  return new LineRows().reset(
    shared,
    2,
    Int32Array.from(starts),
    Int32Array.from(lines, (l) => Buffer.byteLength(l)),
  )
}

it('tags and fields of any row, unescaped, of every kind', () => {
  const rows = rowsOf('m v=1', 'c\\,pu,a\\ b=c\\=d,é=ü f\\"1="q\\"\\\\",i=-9007199254740993i,t=TRUE,x=1.5e3,e="" 17')
  const tags = new Map<string, string>()
  const fields = new Map<string, Value>()
  rows.readTags(1, tags)
  rows.readFields(1, fields)
  expect([...tags]).toEqual([
    ['a b', 'c=d'],
    ['é', 'ü'],
  ])
  expect([...fields]).toEqual([
    ['f"1', 'q"\\'],
    ['i', -9007199254740993n],
    ['t', true],
    ['x', 1500],
    ['e', ''],
  ])
  expect(rows.lineStart(1)).toBe(2 + 6)
})

it('cells that are there already stay', () => {
  const rows = rowsOf('m,a=1,b=2 v=1,w=2,v=3')
  const tags = new Map([['a', 'mine']])
  const fields = new Map<string, Value>([['w', 'mine']])
  rows.readTags(0, tags)
  rows.readFields(0, fields)
  expect([...tags]).toEqual([
    ['a', 'mine'],
    ['b', '2'],
  ])
  expect([...fields]).toEqual([
    ['w', 'mine'],
    ['v', 3],
  ])
})
