/** `service-tests`: whether services of alert handlers take what they are sent; `list service-tests`. */
import { type Command, type CommandContext, UsageError } from '../command.js'
import { padEnd } from '../layout.js'
import { base } from '../resources.js'

interface ListedService {
  readonly name: string
  readonly link: { readonly href: string }
}

async function matching(pattern: string, { client }: CommandContext): Promise<readonly ListedService[]> {
  const found = await client.get(`${base}/service-tests`, [['pattern', pattern]])
  return (found as { services: ListedService[] }).services
}

export async function listServiceTests(patterns: readonly string[], context: CommandContext): Promise<void> {
  context.out('Service Name\n')
  for (const pattern of patterns.length === 0 ? ['*'] : patterns) {
    for (const { name } of await matching(pattern, context)) context.out(`${name}\n`)
  }
}

export const serviceTests: Command = {
  name: 'service-tests',
  summary: 'Test a service.',
  usage: `Usage: shardline service-tests <service name or pattern>...

	Perform the service test of all matching services: each sends a test event, for real.

For example:

	$ shardline service-tests slack
	$ shardline service-tests 'http*'
`,
  async run(args, context) {
    if (args.length === 0) throw new UsageError('must provide at least one service name or pattern.')
    const { client, out } = context
    const line = (name: string, success: string, message: string): void =>
      out(`${padEnd(name, 20)}${padEnd(success, 10)}${message}\n`)
    line('Service', 'Success', 'Message')
    for (const pattern of args) {
      for (const { name, link } of await matching(pattern, context)) {
        const result = (await client.call('POST', link.href, [], 200, null)) as { success: boolean; message: string }
        line(name, String(result.success), result.message)
      }
    }
  },
}
