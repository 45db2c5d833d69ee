/** `enable`, `disable`, `reload`: tasks by id or pattern. */
import type { Command, CommandContext } from '../command.js'
import { UsageError } from '../command.js'
import { setStatus } from '../tasks.js'

type Change = (patterns: readonly string[], context: CommandContext) => Promise<void>

function statusCommand(name: string, summary: string, text: string, change: Change): Command {
  return {
    name,
    summary,
    usage: `Usage: shardline ${name} [task ID...]

	${text}

For example:

	$ shardline ${name} cpu_alert
	$ shardline ${name} 'cpu_*'
`,
    async run(args, context) {
      if (args.length < 1) throw new UsageError('Must pass at least one task ID')
      await change(args, context)
    },
  }
}

export const enable = statusCommand(
  'enable',
  'Enable and start running a task with live data.',
  'Enable and start a task running from the live data.',
  async (patterns, { client }) => {
    for (const p of patterns) await setStatus(client, p, 'enabled')
  },
)

export const disable = statusCommand(
  'disable',
  'Stop running a task.',
  'Disable and stop a task running.',
  async (patterns, { client }) => {
    for (const p of patterns) await setStatus(client, p, 'disabled')
  },
)

export const reload = statusCommand(
  'reload',
  'Reload a running task with an updated task definition.',
  'Disable then enable a running task.',
  async (patterns, { client }) => {
    for (const p of patterns) await setStatus(client, p, 'disabled')
    for (const p of patterns) await setStatus(client, p, 'enabled')
  },
)
