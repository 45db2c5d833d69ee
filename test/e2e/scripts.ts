/** Users' scripts from test/fixtures/scripts, with the names of files and addresses replaced by those of a test. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './server.js'

export function script(name: string, replace: Readonly<Record<string, string>> = {}): string {
  let text = readFileSync(join(root, 'test/fixtures/scripts', `${name}.tick`), 'utf8')
  for (const [from, to] of Object.entries(replace)) {
    if (!text.includes(from)) throw new Error(`${name}.tick does not contain ${from}`)
    text = text.replaceAll(from, to)
  }
  return text
}

/** A value of /metrics, summed over series whose labels contain `labels`. */
export function metric(text: string, name: string, labels = ''): number {
  let sum = 0
  for (const line of text.split('\n')) {
    const m = /^(\w+)(\{.*\})? (\S+)$/.exec(line)
    if (m !== null && m[1] === name && (m[2] ?? '').includes(labels)) sum += Number(m[3])
  }
  return sum
}

/** Points of a task that are through: counted as processed, or as dropped or filtered for a reason. */
export async function handledPoints(url: string, task: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const labels = `task="${task}"`
  return (
    metric(text, 'shardline_task_points_processed_total', labels) +
    metric(text, 'shardline_task_points_dropped_total', labels)
  )
}
