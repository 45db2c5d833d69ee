/** `check`: everything wrong with scripts, without a server. */
import { goJson } from '../../columns/json-encode.js'
import { checkScript } from '../../compile/check-script.js'
import { ShardlineError } from '../../errors.js'
import { parseGoFlags } from '../../flags.js'
import { decodeTaskRequest } from '../../tasks/task-request.js'
import { storedVars } from '../../tasks/vars.js'
import type { Diagnostic } from '../../tickscript/diagnostics/diagnostics.js'
import { printDiagnostic } from '../../tickscript/diagnostics/print.js'
import { wellFormed } from '../../tickscript/parser.js'
import { Source } from '../../tickscript/positions.js'
import type { JsonVar } from '../../tickscript/vars.js'
import { CommandError } from '../client.js'
import { type Command, ExitCode, UsageError } from '../command.js'
import { exact, readText, varsFile } from './define.js'

const usage = `Usage: shardline check [options] FILE...

	Check TICKscripts without a server. Every error is reported at once, with its place: what the parser and the nodes refuse,
	what would fail when the task is enabled, and, as warnings, what would fail for every point or is hardly meant: fields that
	no row has any more, strings compared with numbers, alert ids that several groups share, two tags in one string.

	The exit code is 0 when there are no errors, 1 when there are, 2 when the arguments are wrong.

For example:

	$ shardline check cpu_alert.tick
	$ shardline check -vars prod.json templates/*.tick

Options:

  -json
    	Print an array of {file, severity, message, start, end, hint, suggestion}. Places are {line, char, offset}: lines and
    	chars from 1, offsets from 0, both in bytes. A suggestion replaces the text from start to end.
  -vars string
    	Optional path to a JSON vars file. Without it scripts are checked as templates: vars that have only a type have no value.
`

/** Errors were found. */
const exitErrors = 1

export const check: Command = {
  name: 'check',
  summary: 'Check TICKscripts without a server.',
  usage,
  async run(args, { out }) {
    const flags = parseGoFlags(args, { strings: ['vars'], booleans: ['json'] })
    if (flags.rest.length === 0) throw new UsageError('Must pass at least one file')
    const file = flags.strings.get('vars')
    const vars = file === undefined ? undefined : readVars(file)
    const checked = flags.rest.map((path) => {
      const text = readText(path)
      return { path, text, diagnostics: checkScript(text, { vars }) }
    })
    if (flags.booleans.has('json')) {
      const list = checked.flatMap(({ path, diagnostics }) => diagnostics.map((d) => ({ file: path, ...d })))
      out(`${JSON.stringify(list, null, 2)}\n`)
    } else {
      const colours = process.stdout.isTTY === true && (process.env.NO_COLOR ?? '') === ''
      for (const { path, text, diagnostics } of checked) {
        const source = new Source(wellFormed(text))
        for (const d of diagnostics) out(`${printDiagnostic(path, d, source, colours)}\n`)
      }
      const all = checked.flatMap(({ diagnostics }) => diagnostics)
      if (all.length > 0) out(`${summary(all)}\n`)
    }
    if (checked.some(({ diagnostics }) => diagnostics.some((d) => d.severity === 'error'))) {
      throw new ExitCode(exitErrors)
    }
  },
}

function summary(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter((d) => d.severity === 'error').length
  const parts = [counted(errors, 'error'), counted(diagnostics.length - errors, 'warning')]
  return parts.filter((part) => part !== '').join(', ')
}

function counted(n: number, word: string): string {
  return n === 0 ? '' : `${n} ${word}${n === 1 ? '' : 's'}`
}

/** The vars of a file, as a task keeps them. */
export function readVars(path: string): Record<string, JsonVar> {
  const body = Buffer.from(goJson({ vars: exact(varsFile(path)) }))
  try {
    return storedVars(decodeTaskRequest(body).vars)
  } catch (err) {
    if (err instanceof ShardlineError) throw new CommandError(`${path}: ${err.message}`)
    throw err
  }
}
