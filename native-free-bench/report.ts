/** Tables on the terminal, one JSON line per result in bench-results/. */
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

/** Left column as text, the others right-aligned. */
export function printTable(title: string, head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((h, i) => Math.max(h.length, ...rows.map((r) => r[i]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    cells.map((c, i) => (i === 0 ? c.padEnd(widths[i]) : c.padStart(widths[i]))).join('  ')
  process.stdout.write(`\n${title}\n${line(head)}\n${widths.map((w) => '-'.repeat(w)).join('  ')}\n`)
  for (const r of rows) process.stdout.write(`${line(r)}\n`)
}

export const millions = (n: number): string => `${(n / 1e6).toFixed(2)} M`
export const mib = (bytes: number): string => `${(bytes / 1048576).toFixed(0)} MiB`
export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}
