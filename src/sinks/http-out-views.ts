/**
 * The pages that `httpOut` nodes serve: /kapacitor/v1/tasks/<task>/<endpoint>. Thread: main.
 *
 * Rows live on the shards as JSON; a read asks every shard and joins the answers in order of the slots' creation (of equal
 * clocks: shard by shard).
 */

import type { RunningTask } from '../engine/engine-api.js'
import { ShardlineError, TaskFailure } from '../errors.js'
import { type HttpOutRequest, type HttpOutRows, SlotKind } from '../operators/outside/http-out.js'
import type { TaskOutline } from '../plan/task-outline.js'

interface View {
  readonly task: RunningTask
  readonly nodeIndex: number
}

export class HttpOutViews {
  /** By `<task id>/<endpoint>`. */
  private readonly views = new Map<string, View>()

  /** Opens the pages of a task. Throws a TaskFailure when two nodes ask for one endpoint; then none is open. */
  register(task: RunningTask, plan: TaskOutline): void {
    const added: [string, View][] = []
    for (const p of plan.nodes) {
      if (p.node.def.method !== 'httpOut') continue
      const path = `${task.id}/${cleanEndpoint(String(p.node.props.endpoint ?? ''))}`
      if (this.views.has(path) || added.some(([a]) => a === path))
        throw new TaskFailure(p.node.name, `http: multiple registrations for /kapacitor/v1/tasks/${path}`)
      added.push([path, { task, nodeIndex: p.index }])
    }
    for (const [path, view] of added) this.views.set(path, view)
  }

  /** Closes the pages of a run of a task. */
  unregister(key: number): void {
    for (const [path, view] of this.views) if (view.task.key === key) this.views.delete(path)
  }

  has(taskId: string, endpoint: string): boolean {
    return this.views.has(`${taskId}/${cleanEndpoint(endpoint)}`)
  }

  /** The body of a page; null when there is none of that name. Throws a ShardlineError (500) when a row has no JSON. */
  async read(taskId: string, endpoint: string): Promise<Uint8Array | null> {
    const view = this.views.get(`${taskId}/${cleanEndpoint(endpoint)}`)
    if (view === undefined) return null
    const request: HttpOutRequest = { what: 'rows' }
    return joinRows((await view.task.control(view.nodeIndex, request)) as HttpOutRows[])
  }
}

/** As the original cleans it: no empty parts, no `.` and `..`. */
export function cleanEndpoint(endpoint: string): string {
  const parts: string[] = []
  for (const p of endpoint.split('/')) {
    if (p === '' || p === '.') continue
    if (p === '..') parts.pop()
    else parts.push(p)
  }
  return parts.join('/')
}

/** The result object of the slots of all shards. */
export function joinRows(answers: readonly HttpOutRows[]): Uint8Array {
  if (!answers.some((a) => a.seen)) return Buffer.from('{"series":null}')
  const slots: { answer: HttpOutRows; index: number; start: number }[] = []
  for (const answer of answers) {
    let start = 0
    for (let index = 0; index < answer.kinds.length; index++) {
      slots.push({ answer, index, start })
      start += answer.lengths[index]
    }
  }
  // A stable sort: slots of one shard and one clock stay in their order.
  slots.sort((a, b) => a.answer.createdMs[a.index] - b.answer.createdMs[b.index])
  const parts: Uint8Array[] = [Buffer.from('{"series":[')]
  const comma = Buffer.from(',')
  const none = Buffer.from('null')
  slots.forEach(({ answer, index, start }, i) => {
    const bytes = answer.bytes.subarray(start, start + answer.lengths[index])
    const kind = answer.kinds[index]
    if (kind === SlotKind.Error) throw new ShardlineError('json-unsupported-value', Buffer.from(bytes).toString())
    if (i > 0) parts.push(comma)
    parts.push(kind === SlotKind.Null ? none : bytes)
  })
  parts.push(Buffer.from(']}'))
  return Buffer.concat(parts)
}
