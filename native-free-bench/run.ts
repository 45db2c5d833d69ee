/**
 * `npm run bench [-- kernels|spine|cardinality …] [--quick] [--shards N] [--filter REGEX]`: prints tables and appends JSON
 * lines to bench-results/. Nothing here needs a native add-on.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { runCardinality } from './cardinality.js'
import { runKernels } from './kernels.js'
import { machine } from './report.js'
import { runSpine } from './spine.js'

const suites = ['kernels', 'spine', 'cardinality'] as const

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    shards: { type: 'string', default: String(Math.max(1, availableParallelism() - 1)) },
    filter: { type: 'string', default: '' },
  },
})
const wanted = positionals.length === 0 ? [...suites] : positionals
const unknown = wanted.filter((w) => !suites.includes(w as (typeof suites)[number]))
const shards = Number(values.shards)
if (unknown.length > 0 || !Number.isInteger(shards) || shards < 1) {
  process.stderr.write(`usage: npm run bench [-- ${suites.join('|')} …] [--quick] [--shards N] [--filter REGEX]\n`)
  process.exit(2)
}
const m = machine()
process.stdout.write(`${m.cpu}, ${m.cores} cores, Node ${m.node}, ${m.date}\n`)
if (wanted.includes('kernels')) await runKernels(new RegExp(values.filter), values.quick ? 100 : 500)
if (wanted.includes('spine')) await runSpine(shards, values.quick ? 1_000_000 : 5_000_000, values.quick ? 1 : 3)
if (wanted.includes('cardinality')) {
  const list = values.quick ? [1_000, 10_000, 100_000] : [1_000, 10_000, 50_000, 100_000, 500_000, 1_000_000]
  await runCardinality(list, shards, values.quick ? 500_000 : 2_000_000)
}
