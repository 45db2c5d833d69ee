#!/usr/bin/env node
/** shardlined: `[run] [flags]`, `config`, `version`, `help`. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { handlerSections } from './alert-handlers/registry.js'
import type { Config } from './config/config.js'
import { findConfigFile, type Loaded, loadConfig } from './config/load.js'
import { printDefaultConfig, printEffectiveConfig } from './config/print.js'
import { errorText, ShardlineError } from './errors.js'
import { parseGoFlags } from './flags.js'
import { timerMs } from './go/durations.js'
import { endAfterFailures } from './last-words.js'
import { createLog, LogOutput, logLevelOf, openLogSink } from './observe/logger.js'
import { Server, stopMs } from './server.js'
import { kapacitorVersion, shardlineVersion } from './version.js'

const usage = `Runs Kapacitor's TICKscripts on a parallel, columnar, memory-bounded stream engine.

Usage: shardlined [[command] [arguments]]

The commands are:

    config              print the configuration: commented defaults, or with -config what is in force
    run                 run the server (default)
    version             print the version
    help                print this text

Flags of run and config:

    -config FILE        configuration file; default: $SHARDLINE_CONFIG_PATH, $KAPACITOR_CONFIG_PATH,
                        ~/.shardline/shardline.conf, /etc/shardline/shardline.conf, the same of kapacitor
    -hostname NAME      overrides hostname
    -pidfile FILE       write the process id there
    -log-file FILE      overrides [logging] file
    -log-level LEVEL    overrides [logging] level
`

const banner = `
   _____ __                   ____    _
  / ___// /_  ____ __________/ / /   (_)___  ___
  \\__ \\/ __ \\/ __ \`/ ___/ __  / /   / / __ \\/ _ \\
 ___/ / / / / /_/ / /  / /_/ / /___/ / / / /  __/
/____/_/ /_/\\__,_/_/   \\__,_/_____/_/_/ /_/\\___/
`

/** The hard end of a shutdown that hangs, after the time that its parts may take. */
const hardStopMs = 5000

interface Flags {
  readonly config: string | undefined
  readonly hostname: string | undefined
  readonly pidfile: string | undefined
  readonly logFile: string | undefined
  readonly logLevel: string | undefined
}

function parseFlags(args: readonly string[]): { flags: Flags; words: readonly string[] } {
  const spec = {
    strings: ['config', 'hostname', 'pidfile', 'log-file', 'log-level', 'cpuprofile', 'memprofile'],
    booleans: ['help', 'h', 'version'],
  }
  // Flags stand before or behind the command: `run -config F` and `-config F`.
  const before = parseGoFlags(args, spec)
  const behind = parseGoFlags(before.rest.slice(1), spec)
  const text = (name: string): string | undefined => behind.strings.get(name) ?? before.strings.get(name)
  const asked = (name: string): boolean => before.booleans.has(name) || behind.booleans.has(name)
  const words = [...before.rest.slice(0, 1), ...behind.rest]
  if (asked('version')) words.unshift('version')
  if (asked('help') || asked('h')) words.unshift('help')
  return {
    flags: {
      config: text('config'),
      hostname: text('hostname'),
      pidfile: text('pidfile'),
      logFile: text('log-file'),
      logLevel: text('log-level'),
    },
    words,
  }
}

function load(flags: Flags): Loaded {
  const loaded = loadConfig(findConfigFile(flags.config, process.env), process.env, handlerSections)
  const logging = {
    ...loaded.config.logging,
    ...(flags.logFile === undefined ? {} : { file: flags.logFile }),
    ...(flags.logLevel === undefined ? {} : { level: flags.logLevel }),
  }
  const config: Config = { ...loaded.config, logging, hostname: flags.hostname ?? loaded.config.hostname }
  return { ...loaded, config }
}

async function run(flags: Flags): Promise<void> {
  process.stdout.write(banner)
  const { config, warnings, file } = load(flags)
  process.stderr.write(file === undefined ? 'Using the built-in configuration\n' : `Using configuration at: ${file}\n`)
  const logs = new LogOutput(openLogSink(config.logging.file), logLevelOf(config.logging.level), config.logging.format)
  const log = createLog(logs)
  for (const warning of warnings) log.info(`configuration: ${warning}, ignored`, { service: 'run' })
  if (flags.pidfile !== undefined) writePidFile(flags.pidfile)
  const leave = (): void => {
    logs.close()
    if (flags.pidfile !== undefined) rmSync(flags.pidfile, { force: true })
  }
  const end = (code: number): void => {
    leave()
    process.exit(code)
  }
  endAfterFailures(log, leave)
  let server: Server
  try {
    server = await Server.start(config, logs, log)
  } catch (err) {
    leave()
    throw err
  }
  log.info('listening for signals', { service: 'run' })
  let stopping = false
  const stop = (signal: string): void => {
    if (stopping) {
      log.info('second signal received, initializing hard shutdown', { service: 'run' })
      end(1)
    }
    stopping = true
    log.info('signal received, initializing clean shutdown...', { service: 'run', signal })
    setTimeout(
      () => {
        log.error('time limit reached, initializing hard shutdown', { service: 'run' })
        end(1)
      },
      timerMs(stopMs(config) + hardStopMs),
    ).unref()
    server.stop().then(
      () => end(0),
      (err: unknown) => {
        log.error('shutdown failed', { service: 'run', err: errorText(err) })
        end(1)
      },
    )
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
  process.on('SIGHUP', () => {
    log.info('reloading on SIGHUP', { service: 'run' })
    server.reload().catch((err: unknown) => log.error('reload failed', { service: 'run', err: errorText(err) }))
  })
}

function writePidFile(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, String(process.pid))
  } catch (err) {
    throw new ShardlineError('bad-pidfile', `write pid file: ${errorText(err)}`)
  }
}

async function main(args: readonly string[]): Promise<void> {
  const { flags, words } = parseFlags(args)
  const command = words[0] ?? 'run'
  switch (command) {
    case 'run':
      return run(flags)
    case 'config':
      process.stdout.write(
        flags.config === undefined
          ? printDefaultConfig(handlerSections)
          : printEffectiveConfig(load(flags).config, handlerSections),
      )
      return
    case 'version':
      process.stdout.write(`Shardline ${shardlineVersion} (compatible with Kapacitor ${kapacitorVersion})\n`)
      return
    case 'help':
      process.stdout.write(usage)
      return
    default:
      throw new ShardlineError(
        'unknown-command',
        `unknown command "${command}"`,
        400,
        "Run 'shardlined help' for usage",
      )
  }
}

main(process.argv.slice(2)).catch((err: unknown) => {
  const hint = err instanceof ShardlineError && err.hint !== undefined ? `\n${err.hint}` : ''
  const detail = err instanceof ShardlineError ? err.message : err instanceof Error ? (err.stack ?? err.message) : err
  process.stderr.write(`run: ${detail}${hint}\n`)
  process.exit(1)
})
