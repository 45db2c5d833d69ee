// Writes the measured tables of README.md, between its two marks, from bench-results/*.jsonl: the latest result of each row.
//   npm run bench -- spine cardinality && node scripts/readme-figures.mjs
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')
const start = '<!-- figures: written by scripts/readme-figures.mjs, do not edit -->'
const end = '<!-- end of figures -->'

/** The latest result for each value of `key`, in the order of the first appearance of the latest run's rows. */
function latest(suite, key) {
  const file = path.join(root, 'bench-results', `${suite}.jsonl`)
  if (!existsSync(file)) return []
  const byKey = new Map()
  for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
    const result = JSON.parse(line)
    // Deleted first, so that the order is that of the latest run.
    byKey.delete(result[key])
    byKey.set(result[key], result)
  }
  return [...byKey.values()]
}

const count = (n) => Math.round(n).toLocaleString('en-US')
const millions = (n) => `${(n / 1e6).toFixed(2)} M`
const mib = (n) => `${Math.round(n / 2 ** 20)} MiB`

function table(head, rows) {
  const align = head.map((_, i) => (i === 0 ? '---' : '---:'))
  return [head, align, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

const parts = []
const machines = new Set()
function section(title, results, head, row) {
  if (results.length === 0) return
  for (const r of results) machines.add(`${r.cpu}, ${r.cores} cores, Node ${r.node.slice(1)}, ${r.date.slice(0, 10)}`)
  parts.push(title, table(head, results.map(row)))
}

section(
  'What one process takes in, points per second from line protocol to the last node (shards as given):',
  latest('spine', 'name'),
  ['task', 'shards', 'points/s', 'state per group'],
  (r) => [r.name, r.shards, millions(r.pointsPerSecond), `${count(r.bytesPerGroup)} B`],
)
section(
  'The top-traffic task (barrier, sliding window of a minute, sum, alert) with more and more groups; latency is from a write to the finished alert, at a tenth of the full rate:',
  latest('cardinality', 'groups').sort((a, b) => a.groups - b.groups),
  ['groups', 'shards', 'points/s', 'state per group', 'memory', 'p50', 'p99', 'p99.9'],
  (r) => [
    count(r.groups),
    r.shards,
    millions(r.pointsPerSecond),
    `${count(r.bytesPerGroup)} B`,
    mib(r.rssBytes - r.baseRssBytes),
    ...[r.latencyMs.p50, r.latencyMs.p99, r.latencyMs.p999].map((ms) => `${ms.toFixed(1)} ms`),
  ],
)
section(
  'The whole server over its sockets:',
  latest('server', 'name'),
  ['load', 'shards', 'points/s', 'memory'],
  (r) => [r.name, r.shards ?? '', millions(r.pointsPerSecond), r.rssBytes === undefined ? '' : mib(r.rssBytes)],
)
if (parts.length === 0) {
  console.error('bench-results has no figures: run `npm run bench` first')
  process.exit(1)
}
parts.push(`Measured on ${[...machines].join('; ')}.`)

const file = path.join(root, 'README.md')
const text = readFileSync(file, 'utf8')
const from = text.indexOf(start)
const to = text.indexOf(end)
if (from < 0 || to < from) {
  console.error('README.md does not have the marks of the figures')
  process.exit(1)
}
writeFileSync(file, `${text.slice(0, from)}${start}\n\n${parts.join('\n\n')}\n\n${text.slice(to)}`)
console.error(`README.md: ${parts.length} parts`)
