/** What several commands do with templates, recordings, replays, topics and their handlers: listing, deleting by pattern. */
import { requestSegment } from '../go/url-path.js'
import { type Client, CommandError, type QueryPairs } from './client.js'

export const base = '/kapacitor/v1'
const pageSize = 100

export interface Link {
  readonly href: string
}

export interface Listed {
  readonly id: string
  readonly link: Link
}

export type PagedKind = 'templates' | 'recordings' | 'replays'

async function page<T extends Listed>(
  client: Client,
  kind: PagedKind,
  pattern: string,
  fields: readonly string[],
  offset: number,
): Promise<T[]> {
  const query: QueryPairs = [
    ...fields.map((f) => ['fields', f] as const),
    ['limit', String(pageSize)],
    ['offset', String(offset)],
    ['pattern', pattern],
  ]
  return ((await client.get(`${base}/${kind}`, query)) as Record<PagedKind, T[]>)[kind]
}

/** All that match one of the patterns, page by page; without a pattern all there are. */
export async function listPaged<T extends Listed>(
  client: Client,
  kind: PagedKind,
  patterns: readonly string[],
  fields: readonly string[],
): Promise<T[]> {
  const all: T[] = []
  for (const pattern of patterns.length === 0 ? [''] : patterns) {
    for (let offset = 0; ; ) {
      const found = await page<T>(client, kind, pattern, fields, offset)
      all.push(...found)
      offset += found.length
      if (found.length < pageSize) break
    }
  }
  return all
}

export async function deletePaged(client: Client, kind: PagedKind, pattern: string): Promise<void> {
  for (;;) {
    const found = await page(client, kind, pattern, ['link'], 0)
    for (const { link } of found) await client.call('DELETE', link.href, [], 204)
    if (found.length < pageSize) return
  }
}

export interface ListedTopic extends Listed {
  readonly level: string
  readonly collected: number
  readonly 'events-link': Link
  readonly 'handlers-link': Link
}

export interface ListedHandler extends Listed {
  readonly kind: string
}

export const topicPath = (topic: string): string => `${base}/alerts/topics/${requestSegment(topic)}`

export async function listTopics(client: Client, pattern: string): Promise<ListedTopic[]> {
  const query: QueryPairs = [
    ['min-level', 'OK'],
    ['pattern', pattern],
  ]
  return ((await client.get(`${base}/alerts/topics`, query)) as { topics: ListedTopic[] }).topics
}

export async function listHandlers(client: Client, href: string, pattern: string): Promise<ListedHandler[]> {
  return ((await client.get(href, [['pattern', pattern]])) as { handlers: ListedHandler[] }).handlers
}

interface Work extends Listed {
  readonly status: string
  readonly error: string
}

const pollMs = 500

/** Starts a recording or a replay, prints its id, waits for its end unless told not to. */
export async function work(
  { client, out }: { readonly client: Client; readonly out: (text: string) => void },
  what: 'recording' | 'replay',
  path: string,
  body: unknown,
  waits: boolean,
): Promise<void> {
  const { link, id } = (await client.call('POST', `${base}${path}`, [], 201, body)) as unknown as Work
  if (!waits) {
    out(`${id}\n`)
    return
  }
  for (;;) {
    const answer = await client.send('GET', link.href)
    if (answer.status !== 200 && answer.status !== 202) throw new CommandError(client.errorOf(answer))
    const state = JSON.parse(answer.text) as Work
    if (state.status !== 'running') {
      out(`${id}\n`)
      if (state.status === 'failed') throw new CommandError(state.error || `${what} failed: unknown reason`)
      return
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}
