/** `show-topic`, `show-topic-handler`. */
import { goJson } from '../../columns/json-encode.js'
import { exactJson, isObject } from '../../go/lossless-json.js'
import { requestSegment } from '../../go/url-path.js'
import { type Command, UsageError } from '../command.js'
import { columnWidth, localDate, padEnd } from '../layout.js'
import { type ListedTopic, listHandlers, topicPath } from '../resources.js'

interface ListedEvent {
  readonly id: string
  readonly state: { readonly level: string; readonly message: string; readonly time: string }
}

export const showTopic: Command = {
  name: 'show-topic',
  summary: 'Display detailed information about an alert topic.',
  usage: `Usage: shardline show-topic [topic ID]

	Show details about a specific topic: its level, its handlers and the last event of each id.
`,
  async run(args, { client, out }) {
    const id = args[0]
    if (id === undefined || args.length !== 1) throw new UsageError('Must specify one topic ID')
    const topic = (await client.get(topicPath(id))) as ListedTopic
    const { events } = (await client.get(topic['events-link'].href, [['min-level', 'OK']])) as {
      events: ListedEvent[]
    }
    const handlers = await listHandlers(client, topic['handlers-link'].href, '')
    out(`ID: ${topic.id}\nLevel: ${topic.level}\nCollected: ${topic.collected}\n`)
    out(`Handlers: [${handlers.map((h) => h.id).join(', ')}]\nEvents:\n`)
    const rows = events.map((e) => [e.id, e.state.level, e.state.message, localDate(e.state.time)])
    const header = ['Event', 'Level', 'Message', 'Date']
    const widths = header.map((h, i) => {
      if (i === 3) return 23
      return columnWidth(i === 1 ? 'CRITICAL' : h, [h, ...rows.map((r) => r[i])])
    })
    for (const row of [header, ...rows]) out(`${row.map((cell, i) => padEnd(cell, widths[i])).join('')}\n`)
  },
}

export const showTopicHandler: Command = {
  name: 'show-topic-handler',
  summary: 'Display detailed information about an alert handler for a topic.',
  usage: `Usage: shardline show-topic-handler [topic ID] [handler ID]

	Show details about a specific handler of a topic.
`,
  async run(args, { client, out }) {
    const [topic, id] = args
    if (topic === undefined || id === undefined || args.length !== 2) {
      throw new UsageError('Must specify one topic ID and one handler ID')
    }
    const handler = await client.call('GET', `${topicPath(topic)}/handlers/${requestSegment(id)}`, [], 200)
    if (!isObject(handler)) throw new UsageError('unexpected reply')
    out(`ID: ${String(handler.id)}\nTopic: ${topic}\nKind: ${String(handler.kind)}\nMatch: ${String(handler.match)}\n`)
    out(`Options: ${goJson(exactJson(handler.options ?? null))}\n`)
  },
}
