/** `define-template`: creates a template or changes it; the server starts its tasks again. */
import { parseGoFlags } from '../../flags.js'
import { requestSegment } from '../../go/url-path.js'
import { CommandError } from '../client.js'
import { type Command, UsageError } from '../command.js'
import { readText } from './define.js'

const path = '/kapacitor/v1/templates'

export const defineTemplate: Command = {
  name: 'define-template',
  summary: 'Create/update a template.',
  usage: `Usage: shardline define-template <template ID> [options]

	Create or update a template.

	A template is defined via a TICKscript whose vars are the parameters of the tasks that are made from it.
	All tasks of the template are updated with it; enabled ones are started again.

For example:

	$ shardline define-template my_template -tick path/to/TICKscript

Options:

  -tick string
    	Path to the TICKscript.
  -type string
    	The template type (stream|batch).
`,
  async run(args, { client }) {
    const id = args[0]
    if (id === undefined || id.startsWith('-')) throw new UsageError('Must provide a template ID.')
    const flags = parseGoFlags(args.slice(1), { strings: ['tick', 'type'] })
    if (flags.rest.length > 0) throw new UsageError(`unexpected argument ${JSON.stringify(flags.rest[0])}`)
    const type = flags.strings.get('type')
    if (type !== undefined && type !== 'stream' && type !== 'batch') {
      throw new CommandError(`invalid task type: ${JSON.stringify(type)}`)
    }
    const tick = flags.strings.get('tick')
    const body = {
      ...(type === undefined ? {} : { type }),
      ...(tick === undefined ? {} : { script: readText(tick) }),
    }
    const own = `${path}/${requestSegment(id)}`
    const found = await client.send('GET', `${own}?script-format=formatted`)
    if (found.status === 200) await client.call('PATCH', own, [], 200, body)
    else await client.call('POST', path, [], 200, { id, ...body })
  },
}
