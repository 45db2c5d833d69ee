/** `npm run bench [-- SUITE … OPTIONS]`: the suites in order. Nothing here needs a native add-on. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { errorText } from '../src/errors.js'
import { runCardinality } from './cardinality.js'
import { runDelay } from './delay.js'
import { runKernels } from './kernels.js'
import { machine, Progress } from './report.js'
import { runSpine } from './spine.js'

interface Options {
  readonly quick: boolean
  readonly shards: number
  readonly filter: RegExp
  readonly latencySeconds: number
  readonly progress: Progress
}

interface Suite {
  readonly name: string
  readonly summary: string
  run(options: Options): Promise<void>
}

const suites: readonly Suite[] = [
  {
    name: 'kernels',
    summary: 'the inner loops, one by one, on one core (about two minutes)',
    run: ({ filter, quick, progress }) => runKernels(filter, quick ? 100 : 500, progress),
  },
  {
    name: 'spine',
    summary: 'from bytes to alerts in one process, five pipelines (about a minute)',
    run: ({ shards, quick, progress }) => runSpine(shards, quick ? 1_000_000 : 5_000_000, quick ? 1 : 3, progress),
  },
  {
    name: 'cardinality',
    summary: 'throughput, memory and latency with 1,000 to 1,000,000 groups (about three minutes)',
    run({ shards, quick, latencySeconds, progress }) {
      const groups = quick ? [1_000, 10_000, 100_000] : [1_000, 10_000, 50_000, 100_000, 500_000, 1_000_000]
      return runCardinality(groups, { shards, points: quick ? 500_000 : 2_000_000, latencySeconds }, progress)
    },
  },
  {
    name: 'delay',
    summary: 'what holds up the event loop of a server with 94,000 alerting groups (about a minute)',
    run: ({ shards, quick, progress }) =>
      runDelay({ groups: quick ? 10_000 : 94_000, shards, seconds: quick ? 2 : 8 }, progress),
  },
]

const defaultShards = Math.max(1, availableParallelism() - 1)
const defaultLatencySeconds = 15
const quickLatencySeconds = 3

const width = Math.max(...suites.map((s) => s.name.length))
const help = `usage: npm run bench [-- SUITE … OPTIONS]

Prints a row as soon as it is measured and appends it as JSON to bench-results/SUITE.jsonl. What is being measured is shown on
stderr. Without a suite all of them run.

Suites:
${suites.map((s) => `  ${s.name.padEnd(width)}  ${s.summary}`).join('\n')}

Options:
  --quick              fewer points, groups and seconds: to see that it works, not to compare
  --shards N           shard threads of spine and cardinality (default here: ${defaultShards}, one less than the cores)
  --filter REGEX       kernels: only the files whose names match
  --latency-seconds N  cardinality: how long latency is measured for each row (default ${defaultLatencySeconds}, ${quickLatencySeconds} with --quick)
  --help               this text
`

class BadUsage extends Error {}

function options(): { readonly chosen: readonly Suite[]; readonly options: Options } | 'help' {
  const { values, positionals } = parsed()
  if (values.help) return 'help'
  const chosen = suites.filter((s) => positionals.length === 0 || positionals.includes(s.name))
  const unknown = positionals.filter((p) => !suites.some((s) => s.name === p))
  if (unknown.length > 0) {
    throw new BadUsage(
      `there is no suite ${unknown.map((u) => `"${u}"`).join(', ')}: ${suites.map((s) => s.name).join(', ')}`,
    )
  }
  const latency = values['latency-seconds'] ?? String(values.quick ? quickLatencySeconds : defaultLatencySeconds)
  return {
    chosen,
    options: {
      quick: values.quick,
      shards: positive('shards', values.shards ?? String(defaultShards)),
      filter: pattern(values.filter),
      latencySeconds: positive('latency-seconds', latency),
      progress: new Progress(),
    },
  }
}

function parsed() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        quick: { type: 'boolean', default: false },
        shards: { type: 'string' },
        filter: { type: 'string', default: '' },
        'latency-seconds': { type: 'string' },
      },
    })
  } catch (err) {
    throw new BadUsage(errorText(err))
  }
}

function positive(name: string, text: string): number {
  const n = Number(text)
  if (Number.isInteger(n) && n >= 1) return n
  throw new BadUsage(`--${name} takes a whole number from 1 on, not "${text}"`)
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch (err) {
    throw new BadUsage(`--filter: ${errorText(err)}`)
  }
}

async function main(): Promise<void> {
  const wanted = options()
  if (wanted === 'help') {
    process.stdout.write(help)
    return
  }
  const m = machine()
  process.stdout.write(`${m.cpu}, ${m.cores} cores, Node ${m.node}, ${m.date}\n`)
  for (const suite of wanted.chosen) await suite.run(wanted.options)
  wanted.options.progress.clear()
}

main().catch((err: unknown) => {
  if (!(err instanceof BadUsage)) throw err
  process.stderr.write(`${err.message}\n\nnpm run bench -- --help lists suites and options.\n`)
  process.exitCode = 2
})
