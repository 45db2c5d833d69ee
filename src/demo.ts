#!/usr/bin/env node
/**
 * `npm run demo`: a server of its own in a temporary directory, the top-traffic task, synthetic traffic over UDP with a few
 * noisy groups, and a live view of what happens. Stops by itself after `--seconds` (30) or with Ctrl-C.
 */
import { parseArgs } from 'node:util'
import { DemoServer, type Sample } from './demo/server.js'
import { noisyShare, Traffic } from './demo/traffic.js'
import { View } from './demo/view.js'
import { errorText } from './errors.js'

const usage = `Usage: npm run demo [-- options]

  --seconds N   how long, 30
  --rate N      points per second, 50000
  --groups N    different pairs of address and store, 94000
  --noisy N     groups that send a tenth of all points together, 3
`

/** A noisy group warns once its minute holds three seconds of its traffic, and is critical at nine. */
const script = (log: string, noisyRate: number): string => `dbrp "toptraffic"."autogen"

var streamCounts = stream
    |from()
        .groupBy('ip', 'id')
        .measurement('combined')
    |barrier()
        .period(1m)
        .delete(TRUE)
    |window()
        .period(1m)
        .every(5s)
        .align()
    |sum('count')
        .as('totalCount')

streamCounts
    |alert()
        .flapping(0.25, 0.5)
        .history(21)
        .warn(lambda: "totalCount" > ${Math.ceil(noisyRate * 3)})
        .crit(lambda: "totalCount" > ${Math.ceil(noisyRate * 9)})
        .message('{{ index .Tags "ip" }} asked store {{ index .Tags "id" }} {{ index .Fields "totalCount" }} times within a minute')
        .stateChangesOnly(5m)
        .log('${log}')
`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '30' },
      rate: { type: 'string', default: '50000' },
      groups: { type: 'string', default: '94000' },
      noisy: { type: 'string', default: '3' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  const number = (name: 'seconds' | 'rate' | 'groups' | 'noisy', low: number, high: number): number => {
    const v = Number(values[name])
    if (!(v >= low && v <= high)) throw new Error(`--${name} must be a number from ${low} to ${high}`)
    return v
  }
  const seconds = number('seconds', 1, 3600)
  const rate = number('rate', 1, 1_000_000)
  const groups = number('groups', 1, 5_000_000)
  const noisy = number('noisy', 0, 1000)

  const server = await DemoServer.start()
  const traffic = new Traffic({ port: server.udpPort, rate, groups, noisy })
  const view = new View({ rate, groups, noisy, seconds, url: server.url })
  const end = new End()
  try {
    await server.define('top_traffic', script(server.alertLog, (rate * noisyShare) / Math.max(1, noisy)))
    traffic.start()
    const endMs = Date.now() + seconds * 1000
    while (Date.now() < endMs && !(await end.within(500))) {
      if (server.exited !== null) throw new Error(`the server stopped: ${server.exited}\n${server.logTail()}`)
      view.draw(await server.sample('top_traffic'), traffic.sent, endMs - Date.now())
    }
    traffic.stop()
    view.finish(await arrived(server, end), traffic.sent)
    return 0
  } finally {
    traffic.stop()
    await server.stop()
  }
}

/** The last sample: once no more points arrive, so that the sums can be compared. */
async function arrived(server: DemoServer, end: End): Promise<Sample> {
  let last = await server.sample('top_traffic')
  for (let i = 0; i < 20; i++) {
    await end.within(100)
    const next = await server.sample('top_traffic')
    if (next.accepted === last.accepted && next.processed === next.delivered) return next
    last = next
  }
  return last
}

/**
 * The wish to end. A terminal sends SIGINT to the whole process group and npm forwards it once more, so every signal after
 * the first is ignored: the server must still be stopped and its directory removed.
 */
class End {
  private wanted = false
  private wake: (() => void) | undefined

  constructor() {
    const want = (): void => {
      this.wanted = true
      this.wake?.()
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, want)
    process.stdout.on('error', want)
  }

  /** Whether the end is wanted, at the latest after `ms`. */
  async within(ms: number): Promise<boolean> {
    if (this.wanted) return true
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    return this.wanted
  }
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (err) => {
    process.stderr.write(`demo: ${errorText(err)}\n`)
    process.exitCode = 1
  },
)
