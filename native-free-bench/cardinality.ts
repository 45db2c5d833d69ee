/**
 * Throughput, memory and latency per cardinality. Each row runs in a process of its own, so that RSS is its own: top traffic
 * with that many groups at full speed, then, for some seconds, the latency from a write to the finished alert at a tenth of
 * that rate.
 */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as hdr from 'hdr-histogram-js'
import type { ShardlineEngine } from '../src/engine/engine.js'
import { Out } from '../src/transport/output.js'
import { feed, probeScript, startEngine, startTask, topTrafficScript } from './engine.js'
import { count, mib, millions, type Progress, percent, record, Table } from './report.js'
import { topTraffic, type Workload } from './workload.js'

export interface CardinalityOptions {
  readonly shards: number
  /** At least; each group is touched twice. */
  readonly points: number
  /** How long latency is measured, s. */
  readonly latencySeconds: number
}

export interface CardinalityResult {
  readonly groups: number
  readonly pointsPerSecond: number
  readonly bytesPerGroup: number
  readonly rssBytes: number
  readonly baseRssBytes: number
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly p999: number; readonly probes: number }
}

type Say = (phase: string) => void

export async function measure(groups: number, options: CardinalityOptions, say: Say): Promise<CardinalityResult> {
  const { shards, latencySeconds } = options
  const points = Math.max(options.points, 2 * groups)
  say(`generating ${count(points)} points`)
  const workload = topTraffic({ points, groups, rate: Math.max(14_278, groups / 6) })
  const { bodies } = workload
  const baseRssBytes = process.memoryUsage().rss
  const engine = await startEngine(shards, Math.max(256, Math.ceil((groups * 1024) / (1 << 20) / shards) + 128) << 20)
  const task = await startTask(engine, 'cardinality', topTrafficScript(17_500, 22_500))
  const quarter = Math.ceil(bodies.length / 4)
  await feed(engine, task, bodies.slice(0, quarter), (done) => say(`warming up, ${percent(done, quarter)}`))
  const rest = bodies.length - quarter
  const ms = await feed(engine, task, bodies.slice(quarter), (done) => say(`at full speed, ${percent(done, rest)}`))
  const rate = ((workload.points * 3) / 4 / ms) * 1000
  const stats = task.stats()
  const state = stats.stateBytes.reduce((a, b) => a + b, 0)
  const rssBytes = process.memoryUsage().rss
  const latencyMs = await latency(engine, workload, { rate: rate / 10, seconds: latencySeconds }, say)
  await engine.close(1000)
  return {
    groups,
    pointsPerSecond: Math.round(rate),
    bytesPerGroup: state / Math.max(1, stats.groups),
    rssBytes,
    baseRssBytes,
    latencyMs,
  }
}

/** From a write to the finished alert, while points come at `rate` per second. */
async function latency(
  engine: ShardlineEngine,
  { bodies, points }: Workload,
  { rate, seconds }: { readonly rate: number; readonly seconds: number },
  say: Say,
): Promise<CardinalityResult['latencyMs']> {
  const histogram = hdr.build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  })
  await startTask(engine, 'probe', probeScript)
  const write = (body: Uint8Array, precision: 'n' | 's') =>
    engine.write({ db: 'bench', rp: 'autogen', precision, body, source: 'http' })
  let sentAt = 0
  let heard: (() => void) | undefined
  engine.onFrame((frame) => {
    if (frame.type !== Out.Alert) return
    if (frame.taskId !== 'probe') return
    histogram.recordValue(Math.max(1, Math.round((performance.now() - sentAt) * 1000)))
    heard?.()
  })
  const gapMs = (points / bodies.length / rate) * 1000
  const end = performance.now() + seconds * 1000
  let probes = 0
  // One probe behind each body, so that it queues behind real work.
  for (let now = performance.now(); now < end || probes === 0; now = performance.now()) {
    say(`latency, ${Math.max(0, Math.ceil((end - now) / 1000))} s left`)
    await write(bodies[probes % bodies.length], 'n')
    const answered = new Promise<void>((resolve) => {
      heard = resolve
    })
    sentAt = performance.now()
    await write(new TextEncoder().encode(`probe v=1 ${probes++}`), 's')
    await answered
    const restMs = gapMs - (performance.now() - now)
    if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs))
  }
  const msAt = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1000
  return { p50: msAt(50), p99: msAt(99), p999: msAt(99.9), probes }
}

export async function runCardinality(
  list: readonly number[],
  options: CardinalityOptions,
  progress: Progress,
): Promise<void> {
  const table = new Table(
    `Cardinality, top-traffic task, ${options.shards} shard(s); RSS without the generated input`,
    ['groups', 'points/s', 'state B/group', 'RSS', 'p50 ms', 'p99 ms', 'p99.9 ms', 'probes'],
    ['9,999,999', '99.99 M', '', '9999 MiB', '999.99', '9999.99', '', ''],
    progress,
  )
  for (const groups of list) {
    const r = await inChild(groups, options, (phase) => progress.show(`cardinality: ${count(groups)} groups, ${phase}`))
    record('cardinality', { ...r, shards: options.shards })
    table.row([
      count(groups),
      millions(r.pointsPerSecond),
      r.bytesPerGroup.toFixed(0),
      mib(r.rssBytes - r.baseRssBytes),
      r.latencyMs.p50.toFixed(2),
      r.latencyMs.p99.toFixed(2),
      r.latencyMs.p999.toFixed(2),
      count(r.latencyMs.probes),
    ])
  }
}

type Message = { readonly phase: string } | { readonly result: CardinalityResult }

function inChild(groups: number, options: CardinalityOptions, say: Say): Promise<CardinalityResult> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify({ groups, options })])
  return new Promise((resolve, reject) => {
    child.on('message', (message: Message) => {
      if ('phase' in message) say(message.phase)
      else resolve(message.result)
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      if (code !== 0) reject(new Error(`the run with ${groups} groups ended with ${signal ?? code}`))
    })
  })
}

/** Time between two messages about what is going on, ms: they must not become part of what is measured. */
const sayEveryMs = 500

if (process.send !== undefined && process.argv[1] === fileURLToPath(import.meta.url)) {
  const { groups, options } = JSON.parse(process.argv[2]) as { groups: number; options: CardinalityOptions }
  let saidAt = Number.NEGATIVE_INFINITY
  const say: Say = (phase) => {
    if (performance.now() - saidAt < sayEveryMs) return
    saidAt = performance.now()
    process.send?.({ phase } satisfies Message)
  }
  measure(groups, options, say).then(
    (result) => process.send?.({ result } satisfies Message, () => process.exit(0)),
    (err: unknown) => {
      process.stderr.write(`${err instanceof Error ? err.stack : String(err)}\n`)
      process.exit(1)
    },
  )
}
