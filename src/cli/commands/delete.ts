/** `delete tasks`. */
import { type Command, UsageError } from '../command.js'
import { consumeTasks } from '../tasks.js'

const kinds = "'tasks'"

export const remove: Command = {
  name: 'delete',
  summary: 'Delete tasks.',
  usage: `Usage: shardline delete tasks [task ID or pattern]...

	Delete tasks. If a task is enabled it will be disabled and then deleted.

For example:

	You can delete a task:

		$ shardline delete tasks my_task

	Or you can delete tasks by glob:

		$ shardline delete tasks *_alert
`,
  async run(args, { client }) {
    const [kind, ...patterns] = args
    if (kind === undefined || patterns.length === 0) throw new UsageError('Must pass at least one ID')
    if (kind !== 'tasks') throw new UsageError(`cannot delete '${kind}' did you mean ${kinds}?`)
    for (const pattern of patterns) {
      await consumeTasks(client, pattern, async (task) => {
        await client.call('DELETE', task.link.href, [], 204)
      })
    }
  },
}
