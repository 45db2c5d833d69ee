/** `show`: one task with its script, vars and graph. */
import { parseGoFlags } from '../../flags.js'
import { isObject, type Json } from '../../go/lossless-json.js'
import { requestSegment } from '../../go/url-path.js'
import { type Command, UsageError } from '../command.js'
import { dateInItsZone, dbrpsText, padEnd } from '../layout.js'
import { tasksPath } from '../tasks.js'
import { varText } from '../var-text.js'

export const show: Command = {
  name: 'show',
  summary: 'Display detailed information about a task.',
  usage: `Usage: shardline show [-replay ID] [task ID]

	Show details about a specific task.

Options:

  -replay string
    	Optional replay ID. If set the task information is in the context of the running replay.
`,
  async run(args, { client, out }) {
    const flags = parseGoFlags(args, { strings: ['replay'] })
    const id = flags.rest[0]
    if (id === undefined || flags.rest.length !== 1) throw new UsageError('Must specify one task ID')
    const task = await client.call(
      'GET',
      `${tasksPath}/${requestSegment(id)}`,
      [
        ['dot-view', 'attributes'],
        ['replay-id', flags.strings.get('replay') ?? ''],
        ['script-format', 'formatted'],
      ],
      200,
    )
    if (!isObject(task)) throw new UsageError('unexpected reply')
    const text = (key: string): string => (typeof task[key] === 'string' ? task[key] : String(task[key] ?? ''))
    const lines: [string, string][] = [
      ['ID', text('id')],
      ['Error', text('error')],
      ['Template', text('template-id')],
      ['Type', text('type')],
      ['Status', text('status')],
      ['Executing', text('executing')],
      ['Created', dateInItsZone(text('created'))],
      ['Modified', dateInItsZone(text('modified'))],
      ['LastEnabled', dateInItsZone(text('last-enabled'))],
      ['Databases Retention Policies', dbrpsText((task.dbrps ?? []) as unknown as { db: string; rp: string }[])],
    ]
    for (const [name, value] of lines) out(`${name}: ${value}\n`)
    out(`TICKscript:\n${text('script')}\n`)
    if (isObject(task.vars) && Object.keys(task.vars).length > 0) out(varsTable(task.vars))
    out(`DOT:\n${text('dot')}\n`)
  },
}

function varsTable(vars: { [name: string]: Json }): string {
  const line = (name: string, type: string, value: string): string =>
    `${padEnd(name, 30)}${padEnd(type, 10)}${padEnd(value, 40)}\n`
  let out = `Vars:\n${line('Name', 'Type', 'Value')}`
  for (const name of Object.keys(vars).sort()) {
    const v = vars[name]
    if (isObject(v)) out += line(name, String(v.type), varText(String(v.type), v.value ?? null))
  }
  return out
}
