import { describe, expect, it } from 'vitest'
import { Chunk } from '../../../src/columns/chunk.js'
import { ChunkBuilder } from '../../../src/columns/chunk-builder.js'
import { encodeUtf8 } from '../../../src/columns/column.js'
import { LineRows } from '../../../src/columns/line-rows.js'
import { PackedRows, type PackPlan, packRow } from '../../../src/columns/packed-rows.js'
import { RowScratch } from '../../../src/columns/row-scratch.js'
import { Duration, missing, Timestamp, type Value } from '../../../src/columns/values.js'
import { columnOf } from '../operators/harness.js'

const everything: PackPlan = { fields: true, tags: true, skipFields: [], skipTags: [] }

const grouping = {
  tagNames: () => ['h'],
  tagValues: () => ['a'],
  byName: false,
  groupName: () => '',
  idText: () => 'h=a',
}

function newChunk(n: number): Chunk {
  const c = new Chunk(grouping, new Float64Array(n), new Int32Array(n), new Int32Array(n))
  c.n = n
  return c
}

function packed(chunk: Chunk, plan: PackPlan = everything): { tags: [string, string][]; fields: [string, Value][] }[] {
  const rows = new PackedRows()
  const scratch = new RowScratch()
  for (let r = 0; r < chunk.n; r++) {
    const length = packRow(chunk, r, 0, plan, scratch)
    rows.set(r, scratch.bytes, 0, length)
  }
  return Array.from({ length: chunk.n }, (_, r) => {
    const tags = new Map<string, string>()
    const fields = new Map<string, Value>()
    rows.readTags(r, tags)
    rows.readFields(r, fields)
    return { tags: [...tags].sort(), fields: [...fields].sort((a, b) => (a[0] < b[0] ? -1 : 1)) }
  })
}

function lineChunk(lines: string[]): Chunk {
  const text = lines.map(encodeUtf8)
  const starts: number[] = []
  let at = 3
  for (const t of text) {
    starts.push(at)
    at += t.length + 1
  }
  const bytes = new Uint8Array(new SharedArrayBuffer(at + 10))
  text.forEach((t, i) => {
    bytes.set(t, starts[i] + 7)
  })
  const chunk = newChunk(lines.length)
  chunk.rest = new LineRows().reset(bytes, 7, Int32Array.from(starts), Int32Array.from(text.map((t) => t.length)))
  return chunk
}

describe('packed rows', () => {
  it('give back cells of every kind', () => {
    const chunk = newChunk(1)
    const values: [string, Value][] = [
      ['b', true],
      ['d', new Duration(-5n)],
      ['f', -1.5],
      ['i', 9007199254740993n],
      ['n', null],
      ['s', 'ö"x'],
      ['t', new Timestamp(1n << 60n)],
    ]
    for (const [k, v] of values) chunk.setField(k, columnOf([v]))
    chunk.setField('gone', columnOf([missing]))
    chunk.setTag('c', columnOf(['0']))
    chunk.groupTags = true
    expect(packed(chunk)).toEqual([
      {
        tags: [
          ['c', '0'],
          ['h', 'a'],
        ],
        fields: values,
      },
    ])
  })

  it('of lines are the cells that the lines give', () => {
    const lines = [
      'm,h=a,c\\ d=x\\,y v=1,i=-9007199254740993i,f=1e21,s="a \\"q\\" \\\\ b",t=true,u=F 10',
      'm v=1,v=2,long="' + 'x'.repeat(300) + '"',
      'm\\ n,h=ö v\\=w=5i,v\\ x="" 7',
    ]
    const chunk = lineChunk(lines)
    const expected = lines.map((_, r) => ({
      tags: [...chunk.tagsOf(r, 0)].sort(),
      fields: [...chunk.fieldsOf(r)].sort((a, b) => (a[0] < b[0] ? -1 : 1)),
    }))
    expect(packed(chunk)).toEqual(expected)
    expect(expected[0].fields).toContainEqual(['i', -9007199254740993n])
    expect(expected[0].fields).toContainEqual(['s', 'a "q" \\ b'])
    expect(expected[1].fields).toContainEqual(['v', 2])
  })

  it('leave out what is hidden, skipped, in a column, or not wanted', () => {
    const chunk = lineChunk(['m,a=1,b=2,c=3 v=1,w=2,x=3,y=4'])
    chunk.hideField('w')
    chunk.setField('x', columnOf(['X']))
    chunk.setField('y', columnOf([missing]))
    chunk.hideTag('b')
    expect(packed(chunk, { fields: true, tags: true, skipFields: ['v'], skipTags: ['c'] })).toEqual([
      { tags: [['a', '1']], fields: [['x', 'X']] },
    ])
    expect(packed(chunk, { fields: false, tags: true, skipFields: [], skipTags: [] })[0].fields).toEqual([])
    expect(packed(chunk, { fields: true, tags: false, skipFields: [], skipTags: [] })[0].tags).toEqual([])
  })

  it('hold more than 127 tags', () => {
    const tags = Array.from({ length: 200 }, (_, i) => `t${i}=${i}`)
    const chunk = lineChunk([`m,${tags.join(',')} v=1`])
    expect(packed(chunk)[0].tags.length).toBe(200)
    expect(packed(chunk)[0].fields).toEqual([['v', 1]])
  })
})

describe('chunk builder', () => {
  it('emits full chunks, on a change of name, and on flush', () => {
    const seen: string[] = []
    const b = new ChunkBuilder(
      { fields: ['v'] },
      (c) => seen.push(`${c.name}:${c.n}:${String(c.fieldsOf(c.n - 1).get('v'))}`),
      4,
    )
    b.begin('a', '', '', grouping)
    for (let i = 0; i < 6; i++) b.fields[0].setFloat(b.row(i, 0, 0), i)
    b.begin('b', '', '', grouping)
    b.row(0, 0, 0)
    b.flush()
    b.flush()
    expect(seen).toEqual(['a:4:3', 'a:2:5', 'b:1:undefined'])
  })

  it('never splits a window and goes back to its size', () => {
    const seen: number[][] = []
    const b = new ChunkBuilder(
      { fields: ['v'], batch: true },
      (c) => {
        const w = c.windows!
        seen.push(Array.from({ length: w.n }, (_, i) => w.ends[i] - w.starts[i]))
        expect(c.fieldsOf(c.n - 1).get('v')).toBe('x'.repeat(w.ends[w.n - 1] - w.starts[w.n - 1]))
      },
      8,
    )
    b.begin('a', '', '', grouping)
    for (const size of [3, 4, 100, 2, 300, 1]) {
      b.beginWindow(0, 0, 0)
      const text = encodeUtf8('x'.repeat(size))
      for (let i = 0; i < size; i++) b.fields[0].setString(b.row(i, 0, 0), text, 0, size)
      b.endWindow()
    }
    b.flush()
    expect(seen).toEqual([[3, 4, 100], [2, 300], [1]])
  })

  it('adds columns by name and forgets those nobody asks for', () => {
    const seen: string[][] = []
    const b = new ChunkBuilder({ fields: ['v'] }, (c) => seen.push(c.fields.map((f) => f.name)))
    b.begin('a', '', '', grouping)
    b.field('x').setFloat(b.row(0, 0, 0), 1)
    b.flush()
    b.field('y').setFloat(b.row(0, 0, 0), 1)
    b.flush()
    b.row(0, 0, 0)
    b.flush()
    expect(seen).toEqual([
      ['v', 'x'],
      ['v', 'x', 'y'],
      ['v', 'y'],
    ])
  })
})
