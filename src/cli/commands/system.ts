/** `version`, `level`, `vars`, `logs`, `watch`. */
import { kapacitorVersion, shardlineVersion } from '../../version.js'
import { queryText } from '../client.js'
import { type Command, type CommandContext, UsageError } from '../command.js'

export const version: Command = {
  name: 'version',
  summary: 'Displays the version.',
  usage: `Usage: shardline version

	Print version info.
`,
  async run(_args, { out }) {
    out(`Shardline ${shardlineVersion} (compatible with Kapacitor ${kapacitorVersion})\n`)
  },
}

export const level: Command = {
  name: 'level',
  summary: 'Sets the logging level on the server.',
  usage: `Usage: shardline level <logging level>

	Set the logging level of the server: debug, info or error.
`,
  async run(args, { client }) {
    if (args.length !== 1) throw new UsageError('Must pass a logging level')
    await client.call('POST', '/kapacitor/v1/loglevel', [], 204, { level: args[0] })
  },
}

export const vars: Command = {
  name: 'vars',
  summary: 'Print debug vars in JSON format.',
  usage: `Usage: shardline vars

	Print debug vars in JSON format.
`,
  async run(_args, { client, out }) {
    out((await client.send('GET', '/kapacitor/v1/debug/vars')).text)
  },
}

const logsPath = '/kapacitor/v1preview/logs'

async function follow(pairs: [string, string][], { client }: CommandContext): Promise<void> {
  const stop = new AbortController()
  const end = (): void => stop.abort()
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  await client.stream(logsPath + queryText(pairs), (chunk) => process.stdout.write(chunk), stop.signal)
}

function keyValues(args: readonly string[]): [string, string][] {
  return args.map((arg) => {
    const at = arg.indexOf('=')
    if (at <= 0) throw new UsageError(`bad keyvalue pair: '${arg}'`)
    return [arg.slice(0, at), arg.slice(at + 1)]
  })
}

export const logs: Command = {
  name: 'logs',
  summary: 'Follow arbitrary logs of the server.',
  usage: `Usage: shardline logs [<tag>=<value>...]

	Watch arbitrary logs. Lines whose keys have the given values are shown; lvl=info+ means info or above.
`,
  run: (args, context) => follow(keyValues(args), context),
}

export const watch: Command = {
  name: 'watch',
  summary: 'Watch logs of a task.',
  usage: `Usage: shardline watch <task id> [<tag>=<value>...]

	Watch logs associated with a task.
`,
  run(args, context) {
    if (args.length < 1) throw new UsageError('must provide task ID.')
    return follow([['task', args[0]], ...keyValues(args.slice(1))], context)
  },
}
