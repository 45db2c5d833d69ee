/**
 * Starts a program per event with the JSON on its standard input and waits for its exit. The number of processes that run at
 * the same time is capped over all handlers; a program that outlives the deadline is killed. Thread: any; deliveries on main.
 */
import { spawn } from 'node:child_process'
import { Permits } from '../../abortable.js'
import { errorText, ShardlineError } from '../../errors.js'
import { compileTextTemplate } from '../../templates/index.js'
import { checkVars } from '../../templates/vars.js'
import type { Delivery } from '../delivery.js'
import { defineHandler, eventByEvent, type HandlerEnv } from '../handler.js'
import { flag, list, text } from '../handler-option.js'

const maxProcesses = 16
const deadlineMs = 60_000
/** Of the output, which is only logged. */
const maxOutput = 8192

const processes = new Permits(maxProcesses)

export const exec = defineHandler({
  kind: 'exec',
  doc: 'Starts a program for each event, with the event as JSON on its standard input.',
  script: { method: 'exec', goType: 'ExecHandler' },
  goType: '*alert.ExecHandlerConfig',
  options: {
    program: text('The program, a path or a name to be found in $PATH.', { script: 'argument', spec: 'prog' }),
    args: list('Its arguments.', { script: 'argument' }),
    expandArgs: flag(
      'The arguments are templates over the event: `{{ .ID }}`, `{{ .Level }}`, `{{ index .Tags "host" }}`, `{{ index .Fields "value" }}`, and `{{ .Vars.name }}` for a var of the task.',
    ),
  },
  create({ program, args, expandArgs }, env) {
    const argsOf = expandArgs ? expanding(args, env.vars) : () => args
    return eventByEvent(async (d, signal) => {
      const { json } = d
      const given = argsOf(d)
      await processes.take(signal)
      try {
        await run(program, given, json, signal)
      } finally {
        processes.give()
      }
    }, deadlineMs)
  },
})

function expanding(args: readonly string[], vars: HandlerEnv['vars']): (d: Delivery) => string[] {
  const names = new Set(vars.keys())
  const templates = args.map((source, i) => {
    const template = compileTextTemplate(`args[${i}]`, source)
    checkVars(`args[${i}]`, source, names)
    return template
  })
  return (d) => {
    const data = d.handlerData(vars)
    return templates.map((t) => withoutNul(t.execute(data)))
  }
}

/** The system ends arguments with a NUL. */
const withoutNul = (arg: string): string => arg.replaceAll('\0', '')

function run(program: string, args: readonly string[], input: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' })
    let output = ''
    const keep = (data: Buffer) => {
      if (output.length < maxOutput) output += data.toString('utf8').slice(0, maxOutput - output.length)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    // A program that does not read its input is not an error.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    child.on('error', (err: NodeJS.ErrnoException) => {
      const text = err.code === 'ENOENT' ? notFound(program) : errorText(err)
      reject(new ShardlineError('exec-failed', text))
    })
    child.on('close', (code, killedBy) => {
      if (code === 0) resolve()
      else {
        const status = killedBy === null ? `exit status ${code}` : `signal: ${killedBy}`
        reject(new ShardlineError('exec-failed', output === '' ? status : `${status}: ${output}`))
      }
    })
  })
}

function notFound(program: string): string {
  return program.includes('/')
    ? `fork/exec ${program}: no such file or directory`
    : `exec: "${program}": executable file not found in $PATH`
}
