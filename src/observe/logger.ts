/**
 * Log lines as logfmt (key order as in the original) or JSON, to stderr, stdout or a file. Thread: main. Lines are written
 * synchronously to the descriptor in batches of one tick, so that a busy server makes few system calls; `flush` writes the
 * rest before the process ends.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { errorText, ShardlineError } from '../errors.js'
import type { Log, LogLevel } from '../log.js'

const rank: Record<LogLevel, number> = { debug: 0, info: 1, error: 2 }

/** Unknown names mean debug, as in the original. */
export function logLevelOf(name: string): LogLevel {
  const lower = name.toLowerCase()
  return lower === 'info' || lower === 'error' ? lower : 'debug'
}

export interface LogLine {
  readonly timeMs: number
  readonly level: LogLevel
  readonly msg: string
  readonly keys: readonly (readonly [string, unknown])[]
}

export type LogListener = (line: LogLine) => void

export interface LogSink {
  write(text: string): void
  close(): void
}

/** Where the lines of a server go; `level` may change while it runs. */
export class LogOutput {
  level: LogLevel
  /** Lines that followers did not read in time. */
  droppedLines = 0
  private pending = ''
  private scheduled = false
  private readonly listeners = new Set<LogListener>()

  constructor(
    private readonly sink: LogSink,
    level: LogLevel,
    private readonly format: 'logfmt' | 'json',
  ) {
    this.level = level
  }

  log(level: LogLevel, msg: string, keys: readonly (readonly [string, unknown])[]): void {
    const wanted = rank[level] >= rank[this.level]
    if (!wanted && this.listeners.size === 0) return
    const line: LogLine = { timeMs: Date.now(), level, msg, keys }
    for (const listener of this.listeners) listener(line)
    if (!wanted) return
    this.pending += this.format === 'json' ? jsonLine(line) : logfmtLine(line)
    if (this.scheduled) return
    this.scheduled = true
    setImmediate(() => this.flush())
  }

  /** Gets every line, whatever the level. Returns the way to stop. */
  listen(listener: LogListener): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  flush(): void {
    this.scheduled = false
    const text = this.pending
    this.pending = ''
    if (text !== '') this.sink.write(text)
  }

  close(): void {
    this.flush()
    this.sink.close()
  }
}

function writeAll(fd: number, text: string): void {
  const data = Buffer.from(text)
  let at = 0
  while (at < data.length) {
    try {
      at += writeSync(fd, data, at)
    } catch (err) {
      // A pipe whose reader is slow: wait a little; a reader that is gone loses the line, never the server.
      if ((err as NodeJS.ErrnoException).code !== 'EAGAIN') return
      Atomics.wait(pause, 0, 0, 5)
    }
  }
}

const pause = new Int32Array(new SharedArrayBuffer(4))

/** `STDERR`, `STDOUT` or a path (parents are created, lines appended). */
export function openLogSink(file: string): LogSink {
  if (file === 'STDERR' || file === 'STDOUT') {
    const fd = file === 'STDERR' ? 2 : 1
    return { write: (text) => writeAll(fd, text), close() {} }
  }
  try {
    mkdirSync(dirname(file), { recursive: true })
    const fd = openSync(file, 'a', 0o640)
    return { write: (text) => writeAll(fd, text), close: () => closeSync(fd) }
  } catch (err) {
    throw new ShardlineError('bad-log-file', `init logging: ${errorText(err)}`)
  }
}

/** A log that puts `context` before the keys of each line. */
export function createLog(output: LogOutput, context: readonly (readonly [string, unknown])[] = []): Log {
  const at = (level: LogLevel) => (msg: string, keys?: Record<string, unknown>) =>
    output.log(level, msg, keys === undefined ? context : [...context, ...Object.entries(keys)])
  return {
    debug: at('debug'),
    info: at('info'),
    error: at('error'),
    with: (keys) => createLog(output, [...context, ...Object.entries(keys)]),
  }
}

export function logfmtLine(line: LogLine): string {
  let out = `ts=${formatLocalTime(line.timeMs)} lvl=${line.level} msg=${logfmtValue(line.msg)}`
  for (const [key, value] of line.keys) out += ` ${key}=${logfmtValue(valueText(value))}`
  return `${out}\n`
}

export function jsonLine(line: LogLine): string {
  const record: Record<string, unknown> = { ts: formatLocalTime(line.timeMs), lvl: line.level, msg: line.msg }
  for (const [key, value] of line.keys) {
    record[key] = typeof value === 'number' || typeof value === 'boolean' ? value : valueText(value)
  }
  return `${JSON.stringify(record)}\n`
}

function valueText(value: unknown): string {
  if (value instanceof Error) return value.message
  return typeof value === 'string' ? value : String(value)
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: a line feed in a value would make two lines of one
const needsQuotes = /[ "\u0000-\u001f]/

function logfmtValue(value: string): string {
  return needsQuotes.test(value) ? JSON.stringify(value) : value
}

/** RFC 3339 with milliseconds in the local zone, `Z` for UTC. */
export function formatLocalTime(ms: number): string {
  const offset = -new Date(ms).getTimezoneOffset()
  if (offset === 0) return new Date(ms).toISOString()
  const two = (n: number): string => String(n).padStart(2, '0')
  const abs = Math.abs(offset)
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(abs / 60))}:${two(abs % 60)}`
  return new Date(ms + offset * 60_000).toISOString().replace('Z', zone)
}
