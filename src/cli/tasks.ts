/** What several commands do with tasks: listing by pattern in pages, following links. */
import type { Client, QueryPairs } from './client.js'

export const tasksPath = '/kapacitor/v1/tasks'
/** Parameters that the original's client always sends. */
export const viewQuery: QueryPairs = [
  ['dot-view', 'attributes'],
  ['replay-id', ''],
  ['script-format', 'formatted'],
]

const pageSize = 100

export interface ListedTask {
  readonly id: string
  readonly link: { readonly href: string }
  readonly type?: string
  readonly status?: string
  readonly executing?: boolean
  readonly dbrps?: readonly { db: string; rp: string }[]
}

async function page(client: Client, pattern: string, fields: readonly string[], offset: number): Promise<ListedTask[]> {
  const query: QueryPairs = [
    ...viewQuery,
    ...fields.map((f) => ['fields', f] as const),
    ['limit', String(pageSize)],
    ['offset', String(offset)],
    ['pattern', pattern],
  ]
  return ((await client.get(tasksPath, query)) as { tasks: ListedTask[] }).tasks
}

/** All tasks that match, page by page. */
export async function listTasks(client: Client, pattern: string, fields: readonly string[]): Promise<ListedTask[]> {
  const all: ListedTask[] = []
  for (;;) {
    const tasks = await page(client, pattern, fields, all.length)
    all.push(...tasks)
    if (tasks.length < pageSize) return all
  }
}

/** `each` may remove what it gets, so the first page is asked for again while it comes back full. */
export async function consumeTasks(
  client: Client,
  pattern: string,
  each: (task: ListedTask) => Promise<void>,
): Promise<void> {
  for (;;) {
    const tasks = await page(client, pattern, ['link'], 0)
    for (const task of tasks) await each(task)
    if (tasks.length < pageSize) return
  }
}

export async function setStatus(client: Client, pattern: string, status: 'enabled' | 'disabled'): Promise<void> {
  for (const task of await listTasks(client, pattern, ['link'])) {
    await client.call('PATCH', task.link.href, [], 200, { status })
  }
}
