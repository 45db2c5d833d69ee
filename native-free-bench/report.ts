/**
 * What benchmarks show: tables on stdout, a row as soon as it is measured; what is going on now on stderr; one JSON line per
 * result in bench-results/.
 */
import { appendFileSync, mkdirSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const directory = path.resolve('bench-results')

export interface Machine {
  readonly date: string
  readonly cpu: string
  readonly cores: number
  readonly node: string
}

export function machine(): Machine {
  return {
    date: new Date().toISOString(),
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.cpus().length,
    node: process.version,
  }
}

export function record(suite: string, result: object): void {
  mkdirSync(directory, { recursive: true })
  appendFileSync(path.join(directory, `${suite}.jsonl`), `${JSON.stringify({ ...machine(), suite, ...result })}\n`)
}

/** A line on stderr that says what is being measured: kept up to date on a terminal, else written now and then. */
export class Progress {
  private readonly started = performance.now()
  private readonly isTerminal = process.stderr.isTTY === true
  private shown = ''
  private shownAt = Number.NEGATIVE_INFINITY

  /** Time between two lines where they stay, ms. */
  private readonly pauseMs = 5000

  show(text: string): void {
    const seconds = Math.round((performance.now() - this.started) / 1000)
    const line = `${seconds} s  ${text}`
    if (this.isTerminal) {
      if (line !== this.shown) process.stderr.write(`\r\u001b[K${line.slice(0, (process.stderr.columns || 80) - 1)}`)
    } else {
      if (performance.now() - this.shownAt < this.pauseMs) return
      process.stderr.write(`${line}\n`)
    }
    this.shown = line
    this.shownAt = performance.now()
  }

  /** Takes the line away, so that something else can be written. */
  clear(): void {
    if (this.isTerminal && this.shown !== '') process.stderr.write('\r\u001b[K')
    this.shown = ''
  }
}

/** Left column as text, the others right-aligned. */
export class Table {
  private readonly widths: number[]

  /** `wide` cells give the widths of the columns before all rows are known. */
  constructor(
    title: string,
    head: readonly string[],
    wide: readonly string[],
    private readonly progress: Progress,
  ) {
    this.widths = head.map((h, i) => Math.max(h.length, wide[i]?.length ?? 0))
    this.write(`\n${title}`)
    this.row(head)
    this.row(this.widths.map((w) => '-'.repeat(w)))
  }

  row(cells: readonly string[]): void {
    const { widths } = this
    this.write(cells.map((c, i) => (i === 0 ? c.padEnd(widths[i]) : c.padStart(widths[i]))).join('  '))
  }

  /** Something that is said of the rows above. */
  note(text: string): void {
    this.write(`  ${text}`)
  }

  private write(line: string): void {
    this.progress.clear()
    process.stdout.write(`${line}\n`)
  }
}

export const millions = (n: number): string => `${(n / 1e6).toFixed(2)} M`
export const mib = (bytes: number): string => `${(bytes / 1048576).toFixed(0)} MiB`
export const count = (n: number): string => Math.round(n).toLocaleString('en-US')
export const percent = (done: number, all: number): string => `${Math.floor((done * 100) / Math.max(1, all))} %`
export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}
