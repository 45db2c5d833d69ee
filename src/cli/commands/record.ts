/** `record stream|batch|query`: starts a recording and waits for its end. */
import { parseGoFlags } from '../../flags.js'
import { durationLiteral } from '../../tickscript/literals.js'
import { type Command, type CommandContext, UsageError } from '../command.js'
import { work } from '../resources.js'

/** ms of an InfluxQL duration, `1h30m`. */
function durationMs(flag: string, text: string): number {
  const parts = text.match(/\d+[a-zµμ]+/g)
  if (parts === null || parts.join('') !== text) {
    throw new UsageError(`invalid value ${JSON.stringify(text)} for flag -${flag}: invalid duration`)
  }
  return Number(parts.reduce((sum, part) => sum + durationLiteral(part), 0n)) / 1e6
}

type Recorder = (args: readonly string[], context: CommandContext) => Promise<void>

const common = ['recording-id'] as const

const stream: Recorder = async (args, { client, out }) => {
  const { strings, booleans } = parseGoFlags(args, {
    strings: ['task', 'duration', ...common],
    booleans: ['no-wait'],
  })
  const task = strings.get('task') ?? ''
  const duration = strings.get('duration') ?? ''
  if (task === '' || duration === '') throw new UsageError('both task and duration are required')
  const stop = new Date(Date.now() + durationMs('duration', duration)).toISOString()
  const id = strings.get('recording-id')
  const body = { ...(id === undefined ? {} : { id }), task, stop }
  await work({ client, out }, 'recording', '/recordings/stream', body, !booleans.has('no-wait'))
}

const batch: Recorder = async (args, { client, out }) => {
  const { strings, booleans } = parseGoFlags(args, {
    strings: ['task', 'start', 'stop', 'past', ...common],
    booleans: ['no-wait'],
  })
  const task = strings.get('task') ?? ''
  const start = strings.get('start') ?? ''
  const past = strings.get('past') ?? ''
  if (task === '') throw new UsageError('task is required')
  if (start === '' && past === '') throw new UsageError('must set one of start or past flags.')
  if (start !== '' && past !== '') throw new UsageError('cannot set both start and past flags.')
  const stop = strings.get('stop') ?? new Date().toISOString()
  const from = start === '' ? new Date(Date.now() - durationMs('past', past)).toISOString() : start
  const body = { id: strings.get('recording-id') ?? '', task, start: from, stop }
  await work({ client, out }, 'recording', '/recordings/batch', body, !booleans.has('no-wait'))
}

const query: Recorder = async (args, { client, out }) => {
  const { strings, booleans } = parseGoFlags(args, {
    strings: ['query', 'type', 'cluster', ...common],
    booleans: ['no-wait'],
  })
  const text = strings.get('query') ?? ''
  const type = strings.get('type') ?? ''
  if (text === '' || type === '') throw new UsageError('both query and type are required')
  const cluster = strings.get('cluster') ?? ''
  const body = { id: strings.get('recording-id') ?? '', query: text, type, cluster }
  await work({ client, out }, 'recording', '/recordings/query', body, !booleans.has('no-wait'))
}

const recorders: Readonly<Record<string, Recorder>> = { stream, batch, query }

export const record: Command = {
  name: 'record',
  summary: 'Record the result of a query or a snapshot of the current stream data.',
  usage: `Usage: shardline record (stream|batch|query) [options]

	Record data that can be replayed later. Prints the ID of the recording.

	record stream -task <task ID> -duration <duration> [-no-wait] [-recording-id <ID>]
	record batch -task <task ID> (-start <time> [-stop <time>] | -past <duration>) [-no-wait] [-recording-id <ID>]
	record query -query <query> -type (stream|batch) [-cluster <name>] [-no-wait] [-recording-id <ID>]

For example:

	Record the points of a task for the next minute:

		$ shardline record stream -task my_task -duration 1m
`,
  async run(args, context) {
    const [type, ...rest] = args
    if (type === undefined) throw new UsageError(`expected 'stream', 'batch' or 'query'`)
    const recorder = Object.hasOwn(recorders, type) ? recorders[type] : undefined
    if (recorder === undefined) {
      throw new UsageError(`Unknown record type ${JSON.stringify(type)}, expected 'stream', 'batch' or 'query'`)
    }
    await recorder(rest, context)
  },
}
