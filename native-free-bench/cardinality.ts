/**
 * Throughput and memory per cardinality. Each row runs in a process of its own, so that RSS is its own: top traffic with that
 * many groups at full speed, then the latency from a write to the finished alert at a tenth of that rate.
 */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as hdr from 'hdr-histogram-js'
import { Out } from '../src/shard/output.js'
import { feed, probeScript, startEngine, startTask, topTrafficScript } from './engine.js'
import { mib, millions, printTable, record } from './report.js'
import { topTraffic } from './workload.js'

export interface CardinalityResult {
  readonly groups: number
  readonly pointsPerSecond: number
  readonly bytesPerGroup: number
  readonly rssBytes: number
  readonly baseRssBytes: number
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly p999: number }
}

const probes = 2000

export async function measure(groups: number, shards: number, points: number): Promise<CardinalityResult> {
  const workload = topTraffic({ points: Math.max(points, 2 * groups), groups, rate: Math.max(14_278, groups / 6) })
  const baseRssBytes = process.memoryUsage().rss
  const engine = await startEngine(shards, Math.max(256, Math.ceil((groups * 1024) / (1 << 20) / shards) + 128) << 20)
  const task = await startTask(engine, 'cardinality', topTrafficScript(17_500, 22_500))
  await feed(engine, task, workload.bodies.slice(0, Math.ceil(workload.bodies.length / 4)))
  const ms = await feed(engine, task, workload.bodies.slice(Math.ceil(workload.bodies.length / 4)))
  const rate = ((workload.points * 3) / 4 / ms) * 1000
  const stats = task.stats()
  const state = stats.stateBytes.reduce((a, b) => a + b, 0)
  const rssBytes = process.memoryUsage().rss

  const latency = hdr.build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  })
  await startTask(engine, 'probe', probeScript)
  let sentAt = 0
  let heard: (() => void) | undefined
  engine.onOutput(Out.Alert, (frame) => {
    if (frame.taskId !== 'probe') return
    latency.recordValue(Math.max(1, Math.round((performance.now() - sentAt) * 1000)))
    heard?.()
  })
  const background = workload.bodies
  const linesPerBody = workload.points / background.length
  // One probe between two bodies, so that it queues behind real work; a tenth of the full rate.
  const gapMs = (linesPerBody / (rate / 10)) * 1000
  for (let i = 0; i < probes; i++) {
    const started = performance.now()
    await engine.write({
      db: 'bench',
      rp: 'autogen',
      precision: 'n',
      body: background[i % background.length],
      source: 'http',
    })
    const answered = new Promise<void>((resolve) => {
      heard = resolve
    })
    sentAt = performance.now()
    const body = new TextEncoder().encode(`probe v=1 ${i}`)
    await engine.write({ db: 'bench', rp: 'autogen', precision: 's', body, source: 'http' })
    await answered
    const rest = gapMs - (performance.now() - started)
    if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest))
  }
  await engine.close(1000)
  return {
    groups,
    pointsPerSecond: Math.round(rate),
    bytesPerGroup: state / Math.max(1, stats.groups),
    rssBytes,
    baseRssBytes,
    latencyMs: {
      p50: latency.getValueAtPercentile(50) / 1000,
      p99: latency.getValueAtPercentile(99) / 1000,
      p999: latency.getValueAtPercentile(99.9) / 1000,
    },
  }
}

export async function runCardinality(list: readonly number[], shards: number, points: number): Promise<void> {
  const rows: string[][] = []
  for (const groups of list) {
    const r = await inChild(groups, shards, points)
    record('cardinality', { ...r, shards })
    rows.push([
      groups.toLocaleString('en-US'),
      millions(r.pointsPerSecond),
      r.bytesPerGroup.toFixed(0),
      mib(r.rssBytes - r.baseRssBytes),
      r.latencyMs.p50.toFixed(2),
      r.latencyMs.p99.toFixed(2),
      r.latencyMs.p999.toFixed(2),
    ])
  }
  printTable(
    `Cardinality, top-traffic task, ${shards} shard(s); RSS without the generated input`,
    ['groups', 'points/s', 'state B/group', 'RSS', 'p50 ms', 'p99 ms', 'p99.9 ms'],
    rows,
  )
}

function inChild(groups: number, shards: number, points: number): Promise<CardinalityResult> {
  const child = fork(fileURLToPath(import.meta.url), [String(groups), String(shards), String(points)])
  return new Promise((resolve, reject) => {
    child.once('message', (m) => resolve(m as CardinalityResult))
    child.once('exit', (code) => {
      if (code !== 0) reject(new Error(`the run with ${groups} groups ended with ${code}`))
    })
  })
}

if (process.send !== undefined && process.argv[1] === fileURLToPath(import.meta.url)) {
  const [groups, shards, points] = process.argv.slice(2).map(Number)
  measure(groups, shards, points).then(
    (result) => process.send?.(result, () => process.exit(0)),
    (err) => {
      process.stderr.write(`${err instanceof Error ? err.stack : String(err)}\n`)
      process.exit(1)
    },
  )
}
