/** `define-topic-handler`: creates a handler of a topic from a file, or replaces it. */
import { extname } from 'node:path'
import { parse as parseYaml } from 'yaml'
import { handlerSpecMembers } from '../../alerts/handler-spec.js'
import { errorText } from '../../errors.js'
import { withMemberNames } from '../../go/json-members.js'
import { exactJson, parseLosslessJson } from '../../go/lossless-json.js'
import { requestSegment } from '../../go/url-path.js'
import { CommandError } from '../client.js'
import { type Command, UsageError } from '../command.js'
import { topicPath } from '../resources.js'
import { readText } from './define.js'

function handlerFile(path: string): Record<string, unknown> {
  const extension = extname(path)
  const text = readText(path)
  let content: unknown
  try {
    if (extension === '.json') content = exactJson(parseLosslessJson(text))
    // YAML 1.1 reads 0644 as an octal number, as the original does.
    else if (extension === '.yaml' || extension === '.yml') {
      content = parseYaml(text, { intAsBigInt: true, version: '1.1' })
    } else throw new CommandError(`bad file extension ${JSON.stringify(extension)}. Must be YAML or JSON`)
  } catch (err) {
    if (err instanceof CommandError) throw err
    throw new CommandError(`failed to read ${path}: ${errorText(err)}`)
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new CommandError(`expected an object in ${path}`)
  }
  return withMemberNames(content, handlerSpecMembers)
}

export const defineTopicHandler: Command = {
  name: 'define-topic-handler',
  summary: 'Create/update an alert handler for a topic.',
  usage: `Usage: shardline define-topic-handler <path to handler spec file>

	Create or update a handler of a topic.

	The file is YAML or JSON with the keys topic, id, kind, options and match.

For example:

	topic: my_topic
	id: my_handler
	kind: post
	match: level() == CRITICAL
	options:
	  url: http://localhost:8080/alerts
`,
  async run(args, { client }) {
    const path = args[0]
    if (path === undefined || args.length !== 1) throw new UsageError('Must provide one path to a handler spec file.')
    const spec = handlerFile(path)
    const { topic, id } = spec
    if (typeof topic !== 'string' || topic === '') throw new CommandError(`the file ${path} has no topic`)
    if (typeof id !== 'string' || id === '') throw new CommandError(`the file ${path} has no id`)
    const handlers = `${topicPath(topic)}/handlers`
    const own = `${handlers}/${requestSegment(id)}`
    const found = await client.send('GET', own)
    if (found.status === 200) await client.call('PUT', own, [], 200, spec)
    else await client.call('POST', handlers, [], 200, spec)
  },
}
