/** Whatever happens to the rings, every point that was accepted is processed, dropped for a reason, or of no task. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Gate, TestEngine } from '../unit/engine/engine-harness.js'

const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('http' as const), rows: fc.integer({ min: 1, max: 300 }) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('udp' as const), rows: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('start' as const), pinned: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('stop' as const), drain: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('hold' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('release' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('bad' as const) }) },
)

describe('conservation of points', () => {
  it('holds under shedding, waiting, slow shards, starts and stops', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 2, max: 6 }),
        fc.array(action, { minLength: 5, maxLength: 60 }),
        async (shards, slots, actions) => {
          const t = await TestEngine.start({
            shards,
            slots,
            slotBytes: 16 * 1024,
            ringEntries: 16,
            writeWaitMs: 20_000,
          })
          const gate = new Gate()
          gate.open()
          try {
            const steady = await t.task('steady', { vars: { gate: gate.sab, limit: 0 } })
            const others: { key: number; stats: () => { delivered: number; processed: number; inRing: number } }[] = []
            const pending: Promise<unknown>[] = []
            let sent = 0
            let turnedAway = 0
            let n = 0
            const write = (source: 'http' | 'udp', rows: number): void => {
              const lines = Array.from({ length: rows }, () => `m${n % 3},host=h${n++ % 17} v=${n}i ${n}`).join('\n')
              sent += rows
              const result = Promise.resolve(t.write(lines, source)).then((r) => {
                if (r.status === 204) expect(r.points).toBe(rows)
                else turnedAway += rows
              })
              pending.push(result)
            }
            for (const a of actions) {
              if (a.kind === 'http' || a.kind === 'udp') write(a.kind, a.rows)
              else if (a.kind === 'hold') gate.close()
              else if (a.kind === 'release') gate.open()
              else if (a.kind === 'bad') {
                // Parsing needs a slot, which a held shard may not give.
                gate.open()
                expect((await t.write('m v=1 1\nm')).status).toBe(400)
              } else {
                // A shard that stands at the gate cannot answer.
                gate.open()
                if (a.kind === 'start') {
                  const partition = a.pinned ? { kind: 'pinned' as const, shard: shards - 1 } : undefined
                  others.push(await t.task(`t${n}`, { partition, vars: { limit: 0 } }))
                } else {
                  const task = others.pop()
                  if (task === undefined) continue
                  await t.engine.stopTask(task.key, a.drain ? 'drain' : 'discard')
                }
              }
            }
            gate.open()
            await Promise.all(pending)
            await t.settled(steady)
            // The slots of a batch are given back just after its last row was counted.
            while (t.engine.stats().slotsInUse > 0) await new Promise((resolve) => setTimeout(resolve, 1))
            const stats = t.engine.stats()
            const { delivered, processed, dropped } = steady.stats()
            expect(stats.acceptedPoints).toBe(sent - turnedAway)
            expect(stats.routedPoints + stats.unmatchedPoints).toBe(stats.acceptedPoints)
            expect(delivered).toBe(stats.routedPoints)
            const drops = Object.values(dropped).reduce((x, y) => x + y, 0)
            expect(processed + drops).toBe(delivered)
            expect(drops).toBe(dropped.shed)
            for (const task of others) expect(task.stats().inRing).toBe(0)
          } finally {
            gate.open()
            await t.close()
          }
        },
      ),
      { numRuns: 15 },
    )
  }, 120_000)
})
