#!/usr/bin/env node
/**
 * `npm run demo`: a server of its own in a temporary directory, the top-traffic task, synthetic traffic over UDP with a few
 * noisy groups, and a live view of what happens. Stops by itself after `--seconds` (30) or with Ctrl-C.
 */
import { parseArgs } from 'node:util'
import { DemoServer } from './demo/server.js'
import { Traffic } from './demo/traffic.js'
import { View } from './demo/view.js'
import { errorText } from './errors.js'

const script = (log: string): string => `dbrp "toptraffic"."autogen"

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
        .warn(lambda: "totalCount" > 5000)
        .crit(lambda: "totalCount" > 15000)
        .message('''Observed {{ index .Fields "totalCount" }} requests to store {{ index .Tags "id" }} from {{ index .Tags "ip" }} within the last minute.''')
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
    },
  })
  const number = (name: keyof typeof values, low: number, high: number): number => {
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
  const view = new View({ rate, groups, noisy, seconds, url: server.url, directory: server.directory })
  let stopping: (() => void) | undefined
  const interrupted = new Promise<void>((resolve) => {
    stopping = resolve
  })
  process.once('SIGINT', () => stopping?.())
  process.once('SIGTERM', () => stopping?.())
  try {
    await server.define('top_traffic', script(server.alertLog))
    traffic.start()
    const end = Date.now() + seconds * 1000
    while (Date.now() < end) {
      const tick = new Promise<'tick'>((resolve) => setTimeout(() => resolve('tick'), 500))
      if ((await Promise.race([tick, interrupted])) !== 'tick') break
      if (server.exited !== null) throw new Error(`the server stopped: ${server.exited}`)
      view.draw(await server.sample('top_traffic'), traffic.sent, end - Date.now())
    }
    traffic.stop()
    view.finish(await server.sample('top_traffic'), traffic.sent)
    return 0
  } finally {
    traffic.stop()
    await server.stop()
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
