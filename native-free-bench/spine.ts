/** The whole spine in one process: bytes → scanner → slots → rings → shards → panes and alerts. */
import { feed, startEngine, startTask, topTrafficScript } from './engine.js'
import { count, median, mib, millions, type Progress, percent, record, Table } from './report.js'
import { cpuUsage, topTraffic } from './workload.js'

const cpuAlert = `stream
    |from()
        .measurement('cpu')
        .groupBy('host', 'cpu')
    |alert()
        .warn(lambda: "usage_idle" < 0.05)
        .crit(lambda: "usage_idle" < 0.02)
        .log('/dev/null')
`
const cpuPercentile = `stream
    |from()
        .measurement('cpu')
    |eval(lambda: 100.0 - "usage_idle")
        .as('used')
    |groupBy('host')
    |window()
        .period(10s)
        .every(10s)
    |percentile('used', 95.0)
    |eval(lambda: sigma("percentile"))
        .as('sigma')
        .keep('percentile', 'sigma')
    |alert()
        .warn(lambda: "sigma" > 2.5)
        .crit(lambda: "sigma" > 3.0)
        .log('/dev/null')
`
const fiveNodes = `stream
    |from()
        .measurement('cpu')
        .groupBy('host', 'cpu')
    |where(lambda: "usage_idle" > 1.0)
    |eval(lambda: 100.0 - "usage_idle")
        .as('used')
    |derivative('used')
        .nonNegative()
    |alert()
        .crit(lambda: "used" > 1000000.0)
        .log('/dev/null')
`
const passThrough = `stream
    |from()
        .measurement('cpu')
`

export async function runSpine(shards: number, points: number, runs: number, progress: Progress): Promise<void> {
  progress.show('spine: generating points')
  const combined = topTraffic({ points, groups: 94_000, rate: 14_278 })
  const cpu = cpuUsage({ points: Math.ceil(points / 2), groups: 4096, rate: 40_960 })
  const table = new Table(
    `Spine in process, ${shards} shard(s), ${count(points)} points`,
    ['pipeline', 'points/s', 'MB/s', 'state B/group'],
    ['window, percentile, sigma, alert', '99.99 M', '9999', ''],
    progress,
  )
  for (const [name, script, workload] of [
    ['pass through, 10 fields', passThrough, cpu],
    ['alert on 4,096 series', cpuAlert, cpu],
    ['five nodes on 4,096 series', fiveNodes, cpu],
    ['window, percentile, sigma, alert', cpuPercentile, cpu],
    ['top traffic, 94,000 groups', topTrafficScript(17_500, 22_500), combined],
  ] as const) {
    const engine = await startEngine(shards, 256 << 20)
    const rates: number[] = []
    let bytesPerGroup = 0
    for (let run = 0; run <= runs; run++) {
      const task = await startTask(engine, `spine-${run}`, script)
      const phase = run === 0 ? 'warming up' : `run ${run} of ${runs}`
      const ms = await feed(engine, task, workload.bodies, (done) => {
        progress.show(`spine: ${name}, ${phase}, ${percent(done, workload.bodies.length)}`)
      })
      // The first run warms up the compilers.
      if (run > 0) rates.push((workload.points * 1000) / ms)
      const stats = task.stats()
      const state = stats.stateBytes.reduce((a, b) => a + b, 0)
      bytesPerGroup = stats.groups > 0 ? state / stats.groups : 0
      await engine.stopTask(task.key, 'discard')
    }
    await engine.close(1000)
    const rate = median(rates)
    table.row([
      name,
      millions(rate),
      ((workload.bytes / workload.points) * (rate / 1e6)).toFixed(0),
      bytesPerGroup.toFixed(0),
    ])
    record('spine', { name, shards, points: workload.points, pointsPerSecond: Math.round(rate), bytesPerGroup })
  }
  table.note(`RSS ${mib(process.memoryUsage().rss)}`)
}
