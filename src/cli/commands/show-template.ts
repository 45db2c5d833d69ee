/** `show-template`: one template with its script, vars and graph. */

import { isObject } from '../../go/lossless-json.js'
import { requestSegment } from '../../go/url-path.js'
import { type Command, UsageError } from '../command.js'
import { dateInItsZone, padEnd } from '../layout.js'
import { varText } from '../var-text.js'

export const showTemplate: Command = {
  name: 'show-template',
  summary: 'Display detailed information about a template.',
  usage: `Usage: shardline show-template [template ID]

	Show details about a specific template.
`,
  async run(args, { client, out }) {
    const id = args[0]
    if (id === undefined || args.length !== 1) throw new UsageError('Must specify one template ID')
    const query = [['script-format', 'formatted']] as const
    const template = await client.call('GET', `/kapacitor/v1/templates/${requestSegment(id)}`, query, 200)
    if (!isObject(template)) throw new UsageError('unexpected reply')
    const text = (key: string): string => String(template[key] ?? '')
    out(`ID: ${text('id')}\nError: ${text('error')}\nType: ${text('type')}\n`)
    out(`Created: ${dateInItsZone(text('created'))}\nModified: ${dateInItsZone(text('modified'))}\n`)
    out(`TICKscript:\n${text('script')}\nVars:\n`)
    const line = (name: string, type: string, value: string, description: string): void =>
      out(`${padEnd(name, 30)}${padEnd(type, 10)}${padEnd(value, 40)}${padEnd(description, 40)}\n`)
    line('Name', 'Type', 'Default Value', 'Description')
    const vars = isObject(template.vars) ? template.vars : {}
    for (const name of Object.keys(vars).sort()) {
      const v = vars[name]
      if (!isObject(v)) continue
      const value = v.value ?? null
      line(name, String(v.type), value === null ? '<required>' : varText(String(v.type), value), String(v.description))
    }
    out(`DOT:\n${text('dot')}\n`)
  },
}
