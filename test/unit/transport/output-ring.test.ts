import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { maxPayloadBytes, OutputReader, OutputWriter, outputBuffer } from '../../../src/transport/output-ring.js'

const forever = Number.POSITIVE_INFINITY

function payload(n: number, seed: number): Uint8Array {
  const p = new Uint8Array(n)
  for (let i = 0; i < n; i++) p[i] = (i * 31 + seed) & 255
  return p
}

describe('output ring', () => {
  it('carries frames of any length in order, also around the end and longer than a quarter of it', () => {
    const sab = outputBuffer(1024)
    const writer = new OutputWriter(sab)
    const reader = new OutputReader(sab)
    for (let i = 0; i < 500; i++) {
      const n = (i * 37) % 600
      expect(writer.send(1 + (i % 3), i, 5, payload(n, i))).toBe(true)
      const got: [number, number, number, Uint8Array][] = []
      reader.drain((t, k, node, p) => got.push([t, k, node, Uint8Array.from(p)]), 1000, forever)
      expect(got).toEqual([[1 + (i % 3), i, 5, payload(n, i)]])
    }
    expect(reader.pendingBytes).toBe(0)
  })

  it('drains in bounded slices', () => {
    const sab = outputBuffer(4096)
    const writer = new OutputWriter(sab)
    const reader = new OutputReader(sab)
    for (let i = 0; i < 10; i++) writer.send(1, i, 0, payload(4, i))
    let n = 0
    expect(reader.drain(() => n++, 4, forever)).toBe(true)
    expect(n).toBe(4)
    expect(reader.drain(() => n++, 100, forever)).toBe(false)
    expect(n).toBe(10)
  })

  it('does not show a frame again to a handler that threw', () => {
    const sab = outputBuffer(4096)
    const writer = new OutputWriter(sab)
    const reader = new OutputReader(sab)
    writer.send(1, 1, 0, payload(4, 1))
    writer.send(1, 2, 0, payload(4, 2))
    const fail = (): never => {
      throw new Error('handler')
    }
    expect(() => reader.drain(fail, 10, forever)).toThrow('handler')
    const keys: number[] = []
    reader.drain((_t, key) => keys.push(key), 10, forever)
    expect(keys).toEqual([2])
  })

  it('refuses and counts what is too long, and what does not fit after the close', () => {
    const sab = outputBuffer(1024)
    const writer = new OutputWriter(sab)
    const reader = new OutputReader(sab)
    expect(writer.send(1, 1, 0, new Uint8Array(maxPayloadBytes + 1))).toBe(false)
    reader.close()
    while (writer.send(1, 1, 0, payload(200, 1)));
    expect(writer.refused).toBe(2)
  })

  it('wakes a waiting reader, and holds a writer while it is full', async () => {
    const sab = outputBuffer(4096)
    const reader = new OutputReader(sab)
    const url = new URL('../../../dist/src/transport/output-ring.js', import.meta.url).href
    const count = 5000
    const worker = new Worker(
      `const { workerData: d } = require('node:worker_threads')
       import(${JSON.stringify(url)}).then(({ OutputWriter }) => {
         const w = new OutputWriter(d.sab)
         for (let i = 0; i < d.count; i++) {
           const p = new Uint8Array(i % 300)
           p.fill(i & 255)
           w.send(1, i, i % 7, p)
         }
       })`,
      { eval: true, workerData: { sab, count } },
    )
    let next = 0
    let wrong = 0
    while (next < count) {
      const more = reader.drain(
        (_t, key, node, p) => {
          if (key !== next || node !== next % 7 || p.length !== next % 300 || p.some((b) => b !== (key & 255))) wrong++
          next++
        },
        64,
        forever,
      )
      if (!more && next < count) await reader.waitForFrames()
    }
    await worker.terminate()
    expect(wrong).toBe(0)
  })
})
