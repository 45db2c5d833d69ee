/**
 * Runs one recorded case (test/fixtures/cases/<area>/<name>.json) against a server through its public surfaces: a task is
 * created enabled from `script`, the steps are run, and what arrives at a sink, at httpOut and in the task is collected in the
 * shape of the case's `expected`. Numbers keep their text. `@SINK@` in scripts stands for the sink's URL.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Json, JsonNumber, type JsonObject, parseLosslessJson } from '../../src/go/lossless-json.js'
import type { TestServer } from './server.js'
import { Sink } from './sink.js'

export interface Case {
  readonly name: string
  readonly area: string
  readonly description: string
  /** Lines. */
  readonly script: readonly string[]
  /** `db.rp`, one or several; the first is written to. */
  readonly dbrp?: string | readonly string[]
  /** Merged into the create request. */
  readonly define?: JsonObject
  readonly vars?: JsonObject
  readonly steps?: readonly Step[]
  readonly taps?: {
    readonly sink?: readonly string[]
    readonly httpOut?: readonly string[]
    readonly task?: readonly string[]
  }
  readonly expected: Outcome
}

interface Step {
  readonly write?: readonly string[]
  readonly query?: Record<string, string>
  /** Wait until everything expected so far has arrived and nothing follows. */
  readonly settle?: true
  readonly status?: 'enabled' | 'disabled'
  readonly snapshot?: string
  readonly http?: {
    readonly method?: string
    readonly path: string
    readonly body?: Json
    readonly pick?: readonly string[]
  }
}

interface Outcome {
  readonly define?: Json
  readonly steps?: readonly Json[]
  /** Per endpoint the results by series, those of one series in order. */
  readonly sink?: Record<string, readonly SeriesResults[]>
  readonly httpOut?: Record<string, Json>
  readonly task?: Record<string, Json>
}

interface SeriesResults {
  readonly key: string
  readonly results: readonly Json[]
}

const patienceMs = 5000
const quietMs = 60
/** Nothing is expected: how long nothing must come. */
const silenceMs = 200

export function parseCase(text: string): Case {
  return parseLosslessJson(text) as unknown as Case
}

export async function runCase(spec: Case, server: TestServer): Promise<Outcome> {
  const sink = await Sink.start()
  const run = new CaseRun(spec, server, sink)
  try {
    return await run.run()
  } finally {
    await server.json('DELETE', `/tasks/${run.id}`)
    await sink.close()
  }
}

class CaseRun {
  readonly id: string
  private readonly dbrps: { db: string; rp: string }[]

  constructor(
    private readonly spec: Case,
    private readonly server: TestServer,
    private readonly sink: Sink,
  ) {
    this.id = `${spec.area}_${spec.name}`
    this.dbrps = [spec.dbrp ?? `${this.id}.rp`].flat().map((text) => {
      const dot = text.lastIndexOf('.')
      return { db: text.slice(0, dot), rp: text.slice(dot + 1) }
    })
  }

  async run(): Promise<Outcome> {
    const define = await this.create()
    if ('error' in define) return { define }
    const steps: Json[] = []
    for (const [i, step] of (this.spec.steps ?? []).entries()) {
      steps.push(await this.step(step, this.spec.expected.steps?.[i]))
    }
    await this.settle()
    return { define, steps, ...(await this.collect()) }
  }

  private async create(): Promise<JsonObject> {
    const { script, vars, define } = this.spec
    const body: JsonObject = {
      id: this.id,
      type: 'stream',
      status: 'enabled',
      dbrps: this.dbrps.map((d) => ({ ...d })),
      script: this.expand(script.join('\n')),
      ...(vars === undefined ? {} : { vars }),
      ...define,
    }
    for (const [k, v] of Object.entries(body)) if (v === null) delete body[k]
    return this.call('POST', '/tasks', body)
  }

  private async step(step: Step, wanted: Json | undefined): Promise<Json> {
    if (step.write !== undefined) return this.write(step.write, step.query ?? {})
    if (step.status !== undefined) return this.call('PATCH', `/tasks/${this.id}`, { status: step.status })
    if (step.settle) {
      const counts = (wanted as JsonObject | undefined)?.received as Record<string, JsonNumber> | undefined
      await this.settle(new Map(Object.entries(counts ?? {}).map(([k, n]) => [k, n.toFloat()])))
      const seen = [...this.sink.bodies].map(([path, bodies]) => [path.slice(1), number(bodies.length)] as const)
      return { received: Object.fromEntries(seen.sort()) }
    }
    if (step.snapshot !== undefined) {
      const name = step.snapshot
      return this.until(() => this.snapshot(name), wanted)
    }
    const { method = 'GET', path, body, pick = [] } = step.http!
    return this.call(method, this.expand(path), body, pick)
  }

  private async write(lines: readonly string[], query: Record<string, string>): Promise<Json> {
    const params = new URLSearchParams({ ...this.dbrps[0], precision: 's', ...query })
    const { status, text } = await this.server.write(lines.join('\n'), params.toString())
    return status === 204 ? { status: number(status) } : { status: number(status), error: text.trim() }
  }

  /** Waits until the sink has what is expected (by endpoint) and then stays silent. */
  private async settle(wanted = this.expectedCounts()): Promise<void> {
    const deadline = Date.now() + patienceMs
    const short = () => [...wanted].some(([name, n]) => this.sink.at(`/${name}`).length < n)
    while (short() && Date.now() < deadline) await sleep(10)
    let seen = -1
    while (seen !== this.received() && Date.now() < deadline) {
      seen = this.received()
      await sleep(wanted.size === 0 ? silenceMs : quietMs)
    }
  }

  private received(): number {
    let n = 0
    for (const bodies of this.sink.bodies.values()) n += bodies.length
    return n
  }

  private expectedCounts(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const [name, groups] of Object.entries(this.spec.expected.sink ?? {})) {
      counts.set(
        name,
        groups.reduce((n, g) => n + g.results.length, 0),
      )
    }
    return counts
  }

  private async collect(): Promise<Outcome> {
    const { taps = {}, expected } = this.spec
    const names = new Set([...(taps.sink ?? []), ...[...this.sink.bodies.keys()].map((path) => path.slice(1))])
    const sink: Record<string, readonly SeriesResults[]> = {}
    for (const name of [...names].sort()) sink[name] = bySeries(this.sink.at(`/${name}`).map((b) => this.parse(b)))
    const out: { -readonly [K in keyof Outcome]: Outcome[K] } = { sink }
    if (taps.httpOut !== undefined) {
      out.httpOut = {}
      for (const name of taps.httpOut) {
        out.httpOut[name] = await this.until(() => this.httpOut(name), expected.httpOut?.[name])
      }
    }
    if (taps.task !== undefined) {
      const paths = taps.task
      out.task = await this.until(async () => {
        const task = await this.get(`/tasks/${this.id}`)
        return Object.fromEntries(paths.map((path) => [path, at(task, path)]))
      }, expected.task)
    }
    return out
  }

  private async snapshot(name: string): Promise<Json> {
    const { status } = await fetch(`${this.server.url}/kapacitor/v1/tasks/${this.id}/${name}`)
    return status === 200 ? { body: await this.httpOut(name) } : { status: number(status) }
  }

  /** Groups in a fixed order. */
  private async httpOut(name: string): Promise<Json> {
    const body = (await this.get(`/tasks/${this.id}/${name}`)) as JsonObject
    if (!Array.isArray(body.series)) return body
    const series = bySeries(body.series.map((row) => ({ series: [row] })))
    return { ...body, series: series.flatMap((g) => g.results.map((r) => ((r as JsonObject).series as Json[])[0])) }
  }

  private async until<T extends Json>(probe: () => Promise<T>, wanted: Json | undefined): Promise<T> {
    const deadline = Date.now() + patienceMs
    for (;;) {
      const seen = await probe()
      if (text(seen) === text(wanted ?? null) || Date.now() > deadline) return seen
      await sleep(20)
    }
  }

  private async call(
    method: string,
    path: string,
    body?: Json,
    pick: readonly string[] = [],
  ): Promise<{ status: JsonNumber; [key: string]: Json }> {
    const reply = await fetch(`${this.server.url}/kapacitor/v1${path}`, {
      method,
      ...(body === undefined ? {} : { body: this.expand(typeof body === 'string' ? body : text(body)) }),
    })
    const answer = await reply.text()
    const status = number(reply.status)
    if (reply.status >= 400) return { status, error: (this.parse(answer) as JsonObject).error }
    if (pick.length === 0) return { status }
    const seen = this.parse(answer)
    return { status, body: Object.fromEntries(pick.map((p) => [p, at(seen, p)])) }
  }

  private async get(path: string): Promise<Json> {
    return this.parse(await (await fetch(`${this.server.url}/kapacitor/v1${path}`)).text())
  }

  private expand(source: string): string {
    return source.replaceAll('@SINK@', this.sink.url).replaceAll('@TASK@', this.id)
  }

  private parse(body: string): Json {
    return parseLosslessJson(body.replaceAll(this.sink.url, '@SINK@'))
  }
}

function number(n: number): JsonNumber {
  return new JsonNumber(String(n))
}

/** The value at a path such as `stats/node-stats/eval2/errors`. */
function at(value: Json, path: string): Json {
  return path.split('/').reduce<Json>((v, key) => (v as JsonObject | null)?.[key] ?? null, value)
}

function bySeries(results: readonly Json[]): SeriesResults[] {
  const groups = new Map<string, Json[]>()
  for (const result of results) {
    const key = seriesKey(result as JsonObject)
    groups.set(key, [...(groups.get(key) ?? []), result])
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, list]) => ({ key, results: list }))
}

/** Name and sorted tags of the one series of a result, or of an alert's data. */
function seriesKey(result: JsonObject): string {
  const holder = (result.data ?? result) as JsonObject | null
  const series = holder?.series
  if (!Array.isArray(series) || series.length === 0) return ''
  const { name, tags } = series[0] as JsonObject
  const pairs = Object.entries((tags ?? {}) as JsonObject).sort(([a], [b]) => (a < b ? -1 : 1))
  return [name ?? '', ...pairs.map(([k, v]) => `${k}=${v}`)].join(',')
}

function text(value: Json): string {
  if (value instanceof JsonNumber) return value.text
  if (Array.isArray(value)) return `[${value.map(text).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([k, v]) => `${JSON.stringify(k)}:${text(v)}`).join(',')}}`
}
