#!/usr/bin/env node
/** shardline: `[options] <command> [arguments]`. Results go to stdout, messages and usage to stderr. */
import { Client, CommandError, UrlError } from './cli/client.js'
import { type Command, type CommandContext, ExitCode, UsageError } from './cli/command.js'
import { commands } from './cli/commands.js'
import { parseGoBool } from './config/option.js'
import { errorText, ShardlineError } from './errors.js'
import { parseGoFlags } from './flags.js'

const usage = `Usage: shardline [options] [command] [args]

Commands:

${[...commands, { name: 'help', summary: 'Prints help for a command.' }]
  .map((c) => `	${c.name.padEnd(20)} ${c.summary}`)
  .join('\n')}

Options:

  -skipVerify
    	Disable SSL verification (note, this is insecure). Defaults to the KAPACITOR_UNSAFE_SSL environment variable or false if not set.
  -url string
    	The URL http(s)://host:port of the server. Defaults to the KAPACITOR_URL environment variable or http://localhost:9092 if not set.
`

const Exit = { ok: 0, usage: 1, badArguments: 2, failed: 3, badUrl: 4 } as const

const out = (text: string): void => {
  process.stdout.write(text)
}
const error = (text: string): void => {
  process.stderr.write(text)
}

async function main(args: readonly string[]): Promise<number> {
  let flags: ReturnType<typeof parseGoFlags>
  try {
    flags = parseGoFlags(args, { strings: ['url'], booleans: ['skipVerify', 'help', 'h'] })
  } catch (err) {
    error(`${errorText(err)}\n${usage}`)
    return Exit.badArguments
  }
  const [name, ...rest] = flags.rest
  if (name === undefined) {
    error(usage)
    return Exit.usage
  }
  if (name === 'help') return help(rest[0])
  const command = commands.find((c) => c.name === name)
  if (command === undefined) {
    error(`Unknown command ${name}\n${usage}`)
    return Exit.usage
  }
  const unsafe = process.env.KAPACITOR_UNSAFE_SSL ?? ''
  const skipVerify = unsafe === '' ? false : parseGoBool(unsafe)
  if (skipVerify === undefined) {
    error(`strconv.ParseBool: parsing ${JSON.stringify(unsafe)}: invalid syntax\n`)
    return Exit.usage
  }
  const url = flags.strings.get('url') ?? (process.env.KAPACITOR_URL || 'http://localhost:9092')
  return execute(command, rest, url, skipVerify || flags.booleans.has('skipVerify'))
}

function help(name: string | undefined): number {
  if (name === undefined) {
    error(usage)
    return Exit.usage
  }
  const command = commands.find((c) => c.name === name)
  if (command === undefined) {
    error(`Unknown command ${name}\n${usage}`)
    return Exit.usage
  }
  error(command.usage)
  return Exit.ok
}

async function execute(command: Command, args: readonly string[], url: string, skipVerify: boolean): Promise<number> {
  try {
    const context: CommandContext = {
      // Commands that need no server do not care for the URL.
      get client() {
        return new Client({ url, skipVerify })
      },
      out,
      error,
    }
    await command.run(args, context)
    return Exit.ok
  } catch (err) {
    if (err instanceof UsageError || (err instanceof ShardlineError && err.code === 'bad-flag')) {
      error(`${err.message}\n${command.usage}`)
      return Exit.badArguments
    }
    if (err instanceof ExitCode) return err.code
    if (err instanceof UrlError) {
      error(`${err.message}\n`)
      return Exit.badUrl
    }
    if (err instanceof CommandError) {
      error(`${err.message}\n`)
      return Exit.failed
    }
    throw err
  }
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (err: unknown) => {
    error(`${err instanceof Error ? (err.stack ?? err.message) : String(err)}\n`)
    process.exitCode = Exit.failed
  },
)
