/** `explain`: the plan of a script, without a server. */
import { basename, extname } from 'node:path'
import { checkScript } from '../../compile/check-script.js'
import { evaluateScript } from '../../compile/evaluate-script.js'
import { explainPipeline, explainText } from '../../compile/explain.js'
import { parseGoFlags } from '../../flags.js'
import { printDiagnostic } from '../../tickscript/diagnostics/print.js'
import { wellFormed } from '../../tickscript/parser.js'
import { Source } from '../../tickscript/positions.js'
import { type Command, ExitCode, UsageError } from '../command.js'
import { readVars } from './check.js'
import { readText } from './define.js'

const usage = `Usage: shardline explain [options] FILE

	Show how a TICKscript would run, without a server: by which tags its groups are spread over the shards and why, and per node
	what it keeps, what its edge carries and how much memory it takes. For a running task ask the server:
	GET /kapacitor/v1/tasks/ID?explain (JSON) or ?explain=text.

For example:

	$ shardline explain -shards 4 cpu_alert.tick

Options:

  -json
    	Print the plan as JSON.
  -shards int
    	The number of shards. (default 2)
  -vars string
    	Optional path to a JSON vars file. Without it vars that have only a type have their zero values.
`

const defaultShards = 2
const maxShards = 1024
/** The script has errors. */
const exitErrors = 1

export const explain: Command = {
  name: 'explain',
  summary: 'Show how a TICKscript would run, without a server.',
  usage,
  async run(args, { out, error }) {
    const flags = parseGoFlags(args, { strings: ['shards', 'vars'], booleans: ['json'] })
    const [path] = flags.rest
    if (path === undefined || flags.rest.length !== 1) throw new UsageError('Must pass one file')
    const shards = Number(flags.strings.get('shards') ?? defaultShards)
    if (!Number.isInteger(shards) || shards < 1 || shards > maxShards) {
      throw new UsageError(`invalid value ${JSON.stringify(flags.strings.get('shards'))} for flag -shards`)
    }
    const file = flags.strings.get('vars')
    const vars = file === undefined ? undefined : readVars(file)
    const text = readText(path)
    const errors = checkScript(text, { vars }).filter((d) => d.severity === 'error')
    if (errors.length > 0) {
      const source = new Source(wellFormed(text))
      for (const d of errors) error(`${printDiagnostic(path, d, source, false)}\n`)
      throw new ExitCode(exitErrors)
    }
    const { pipeline } = evaluateScript(text, vars ?? {}, { typeOnlyDefaults: vars === undefined })
    const plan = explainPipeline(pipeline, { taskId: basename(path, extname(path)), shards })
    out(flags.booleans.has('json') ? `${JSON.stringify(plan, null, 2)}\n` : explainText(plan))
  },
}
