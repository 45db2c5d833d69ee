/** `delete`: tasks, templates, recordings, replays, topics, handlers of topics. */
import { type Command, type CommandContext, UsageError } from '../command.js'
import { deletePaged, listHandlers, listTopics, topicPath } from '../resources.js'
import { consumeTasks } from '../tasks.js'

const kindsText = "'tasks', 'templates', 'recordings', 'replays', 'topics' or 'topic-handlers'"

type Deleter = (context: CommandContext, pattern: string) => Promise<void>

const kinds: Readonly<Record<string, Deleter>> = {
  async tasks({ client }, pattern) {
    await consumeTasks(client, pattern, async (task) => {
      await client.call('DELETE', task.link.href, [], 204)
    })
  },
  templates: ({ client }, pattern) => deletePaged(client, 'templates', pattern),
  recordings: ({ client }, pattern) => deletePaged(client, 'recordings', pattern),
  replays: ({ client }, pattern) => deletePaged(client, 'replays', pattern),
  async topics({ client }, pattern) {
    for (const topic of await listTopics(client, pattern)) await client.call('DELETE', topic.link.href, [], 204)
  },
}

async function deleteHandlers({ client }: CommandContext, topic: string, pattern: string): Promise<void> {
  for (const handler of await listHandlers(client, `${topicPath(topic)}/handlers`, pattern)) {
    await client.call('DELETE', handler.link.href, [], 204)
  }
}

export const remove: Command = {
  name: 'delete',
  summary: 'Delete tasks, templates, recordings, replays, topics or topic-handlers.',
  usage: `Usage: shardline delete (tasks|templates|recordings|replays|topics) [ID or pattern]...
       shardline delete topic-handlers [topic ID] [handler ID or pattern]...

	Delete what matches. If a task is enabled it will be disabled and then deleted. The tasks of a template stay and keep
	its script.

For example:

	You can delete a task:

		$ shardline delete tasks my_task

	Or you can delete tasks by glob:

		$ shardline delete tasks *_alert
`,
  async run(args, context) {
    const [kind, ...rest] = args
    const isHandlers = kind === 'topic-handlers'
    if (kind === undefined || rest.length < (isHandlers ? 2 : 1)) throw new UsageError('Must pass at least one ID')
    if (isHandlers) {
      const [topic, ...patterns] = rest
      for (const pattern of patterns) await deleteHandlers(context, topic!, pattern)
      return
    }
    const deleter = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined
    if (deleter === undefined) throw new UsageError(`cannot delete '${kind}' did you mean ${kindsText}?`)
    for (const pattern of rest) await deleter(context, pattern)
  },
}
