/** `define`: creates a task or changes it, and reloads it when it was enabled. */
import { readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { parse as parseYaml } from 'yaml'
import { errorText, ShardlineError } from '../../errors.js'
import { parseGoFlags } from '../../flags.js'
import { withMemberNames } from '../../go/json-members.js'
import { isObject, type Json, JsonNumber, parseLosslessJson } from '../../go/lossless-json.js'
import { requestSegment } from '../../go/url-path.js'
import { taskMembers } from '../../tasks/task-request.js'
import { type Client, CommandError } from '../client.js'
import { type Command, UsageError } from '../command.js'
import { tasksPath, viewQuery } from '../tasks.js'

const usage = `Usage: shardline define <task ID> [options]

	Create or update a task.

	A task is defined via a TICKscript that defines the data processing pipeline of the task.

	If an option is absent it will be left unmodified.

	If the task is enabled then it will be reloaded unless -no-reload is specified.

For example:

	Define a task from a script:

		$ shardline define my_task -tick path/to/TICKscript -dbrp mydb.myrp

	Define a task from a template, with vars from a file:

		$ shardline define my_task -template my_template -vars path/to/vars.json -dbrp mydb.myrp

	Define a task from a task file:

		$ shardline define my_task -file path/to/task.json

Options:

  -dbrp value
    	A database and retention policy pair of the form "db"."rp" the quotes are optional. The flag can be specified multiple times.
  -file string
    	Optional path to a YAML or JSON task file.
  -no-reload
    	Do not reload the task even if it is enabled.
  -template string
    	Optional template ID.
  -tick string
    	Path to the TICKscript.
  -type string
    	The task type (stream|batch).
  -vars string
    	Optional path to a JSON vars file.
`

export const define: Command = {
  name: 'define',
  summary: 'Create/update a task.',
  usage,
  async run(args, { client }) {
    const id = args[0]
    if (id === undefined || id.startsWith('-')) throw new UsageError('Must provide a task ID.')
    const flags = parseGoFlags(args.slice(1), {
      strings: ['tick', 'type', 'template', 'vars', 'file'],
      booleans: ['no-reload'],
      lists: ['dbrp'],
    })
    if (flags.rest.length > 0) throw new UsageError(`unexpected argument ${JSON.stringify(flags.rest[0])}`)
    const body = definition(id, flags.strings, (flags.lists.get('dbrp') ?? []).map(parseDbrp))
    await apply(client, id, body, flags.strings.has('file'), flags.booleans.has('no-reload'))
  },
}

type Body = Record<string, unknown>

function definition(id: string, flags: ReadonlyMap<string, string>, dbrps: readonly Dbrp[]): Body {
  const body: Body = {}
  const file = flags.get('file')
  if (file !== undefined) Object.assign(body, taskFile(id, file))
  const template = flags.get('template')
  if (template !== undefined) body['template-id'] = template
  const type = flags.get('type')
  if (type !== undefined) {
    if (type !== 'stream' && type !== 'batch') throw new CommandError(`invalid task type: ${JSON.stringify(type)}`)
    body.type = type
  }
  if (dbrps.length > 0) body.dbrps = dbrps
  const tick = flags.get('tick')
  if (tick !== undefined) body.script = readText(tick)
  const vars = flags.get('vars')
  if (vars !== undefined) body.vars = exact(varsFile(vars))
  return body
}

async function apply(client: Client, id: string, body: Body, fromFile: boolean, noReload: boolean): Promise<void> {
  const path = `${tasksPath}/${requestSegment(id)}`
  const found = await client.send('GET', path + '?' + viewQuery.map(([k, v]) => `${k}=${v}`).join('&'))
  if (found.status !== 200) {
    await client.call('POST', tasksPath, [], 200, { id, ...body, ...(fromFile ? {} : { status: 'disabled' }) })
    return
  }
  const old = parseLosslessJson(found.text)
  await client.call('PATCH', path, [], 200, body)
  if (noReload || !isObject(old) || old.status !== 'enabled') return
  await client.call('PATCH', path, [], 200, { status: 'disabled' })
  await client.call('PATCH', path, [], 200, { status: 'enabled' })
}

interface Dbrp {
  readonly db: string
  readonly rp: string
}

/** `db.rp`, `"db"."rp"` with `\"` inside. */
export function parseDbrp(text: string): Dbrp {
  const part = /^(?:"((?:[^"\\]|\\.)*)"|([^".]+))/
  const unquote = (m: RegExpExecArray): string => (m[1] === undefined ? m[2] : m[1].replace(/\\(["\\])/g, '$1'))
  const db = part.exec(text)
  const dot = db === null ? -1 : db[0].length
  const rest = dot >= 0 && text[dot] === '.' ? text.slice(dot + 1) : ''
  const rp = /^"/.test(rest) ? part.exec(rest) : rest === '' ? null : /^()(.+)$/s.exec(rest)
  if (db === null || rp === null || rp[0].length !== rest.length) {
    throw new ShardlineError(
      'bad-flag',
      `invalid value ${JSON.stringify(text)} for flag -dbrp: does not contain a '.', it must be in the form "dbname"."rpname" where the quotes are optional.`,
    )
  }
  return { db: unquote(db), rp: /^"/.test(rest) ? unquote(rp) : rest }
}

export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (err) {
    const missing = (err as NodeJS.ErrnoException).code === 'ENOENT'
    throw new CommandError(missing ? `open ${path}: no such file or directory` : errorText(err))
  }
}

function readJson(path: string): Json {
  const text = readText(path)
  try {
    return parseLosslessJson(text)
  } catch (err) {
    throw new CommandError(`invalid JSON in ${path}: ${errorText(err)}`)
  }
}

/** A map of vars, or an object with a `vars` key. */
export function varsFile(path: string): Json {
  const json = readJson(path)
  if (!isObject(json)) throw new CommandError(`expected an object in ${path}`)
  return isObject(json.vars) && typeof json.vars.type !== 'string' ? json.vars : json
}

function taskFile(id: string, path: string): Body {
  const extension = extname(path)
  let content: unknown
  if (extension === '.json') content = exact(readJson(path))
  else if (extension === '.yaml' || extension === '.yml') content = parseYaml(readText(path), { intAsBigInt: true })
  else throw new CommandError(`bad file extension ${JSON.stringify(extension)}. Must be YAML or JSON`)
  if (typeof content !== 'object' || content === null) throw new CommandError(`expected an object in ${path}`)
  const { id: fileId, ...rest } = withMemberNames(content, taskMembers)
  if (fileId !== undefined && fileId !== '' && fileId !== id) {
    throw new CommandError(`Task id given on command line does not match id in ${path}`)
  }
  return rest
}

/** As goJson prints it again: integers in full. */
export function exact(json: Json): unknown {
  if (json instanceof JsonNumber) return json.isInteger ? BigInt(json.text) : json.toFloat()
  if (Array.isArray(json)) return json.map(exact)
  return isObject(json) ? Object.fromEntries(Object.entries(json).map(([k, v]) => [k, exact(v)])) : json
}
