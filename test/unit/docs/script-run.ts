/**
 * Runs a script's operators without a server: lines of line protocol with times in seconds go in, what its last nodes emit or
 * send comes out as text.
 *
 *   cpu,host=a usage=1,n=2i 10            a point
 *   batch cpu,host=a 10                   a batch, its points indented below (without the name)
 *     usage=1 3
 *   wait 10s                              the clock goes on
 *   cluster web 5                         answer of a cluster: a resource and its replicas
 *   file hosts.json {"a": {"x": 1}}       a file below the directory that DIR stands for in the script
 */
import { decodeAlertFrame, levelTexts } from '../../../src/alert-handlers/event-frame.js'
import type { Chunk, GroupInfo } from '../../../src/columns/chunk.js'
import { evaluateScript } from '../../../src/compile/evaluate-script.js'
import { StatsOperator } from '../../../src/operators/alert/stats.js'
import type { Operator } from '../../../src/operators/operator.js'
import { readLineFrame } from '../../../src/operators/outside/line-frame.js'
import { entryOf } from '../../../src/operators/registry.js'
import { createFusedWindow } from '../../../src/operators/window/fused-window.js'
import { planTask } from '../../../src/plan/plan.js'
import type { PlannedNode, TaskPlan } from '../../../src/plan/task-plan.js'
import { joinRows } from '../../../src/sinks/http-out-views.js'
import { type NodeDef, type Pipeline, PipelineNode } from '../../../src/tickscript/node-def.js'
import type { JsonVar } from '../../../src/tickscript/vars.js'
import { Out } from '../../../src/transport/output.js'
import { batchText, Collector, connect, type Feed, Harness, pointText, type TestContext } from '../operators/harness.js'

const decoder = new TextDecoder()

const printerDef: NodeDef = {
  method: 'printer',
  kind: 'printer',
  goType: 'PrinterNode',
  doc: '',
  accepts: 'any',
  emits: 'none',
  args: [],
  properties: [],
  effects: () => ({ reads: [], wholeFields: true, wholeTags: true }),
}

/** What the script's last nodes emit is its output; alerts and requests are seen as they are sent. */
function addPrinters(pipeline: Pipeline): void {
  const silent = ['alert', 'httpOut', 'httpPost', 'log', 'noop']
  for (const node of [...pipeline.nodes]) {
    if (node.children.length > 0 || node.edge === 'none' || silent.includes(node.def.method)) continue
    const printer = new PipelineNode(printerDef)
    printer.id = 100 + pipeline.nodes.length
    printer.parents.push(node)
    node.children.push(printer)
    pipeline.nodes.push(printer)
  }
}

/** Prints what arrives in the form of the input. */
class Printer extends Collector {
  constructor(
    harness: Harness,
    private readonly print: (text: string) => void,
  ) {
    super(harness)
  }

  override receive(chunk: Chunk): void {
    if (chunk.windows === null) {
      for (let r = 0; r < chunk.n; r++) this.print(untimed(pointText(chunk, r, chunk.groups[r]!)))
      return
    }
    for (let w = 0; w < chunk.windows.n; w++) {
      const m = /^(.*) \{tmax=(\S+) \| (.*)\}$/s.exec(batchText(chunk, w))!
      this.print(`batch ${m[1]} ${m[2]}`)
      for (const row of m[3]!.split(', ').filter((text) => text !== ''))
        this.print(`  ${row.replace(/@(\S+)$/, ' $1')}`)
    }
  }

  override barrier(_grouping: GroupInfo, _group: number): void {}
  override deleteGroup(): void {}
}

function untimed(text: string): string {
  return text.replace(/ @(\S+)$/, ' $1')
}

export interface RunOptions {
  readonly vars?: Record<string, JsonVar>
  readonly nodeData?: (planned: PlannedNode) => unknown
  readonly budgetBytes?: number
}

export class ScriptRun {
  readonly plan: TaskPlan
  readonly harness: Harness
  readonly operators: (Operator | undefined)[] = []
  readonly contexts: TestContext[] = []
  private readonly output: string[] = []
  private readonly feed: Feed
  private readonly seen = new Map<TestContext, { sent: number; logs: number; errors: number }>()
  private readonly replicas = new Map<string, number>()

  constructor(script: string, options: RunOptions = {}) {
    const { pipeline } = evaluateScript(script, options.vars ?? {})
    addPrinters(pipeline)
    this.harness = new Harness(options.budgetBytes)
    this.plan = planTask(pipeline, { taskId: 'example', shards: 1 })
    for (const p of this.plan.nodes) this.make(p, options.nodeData)
    for (const p of this.plan.nodes) this.connect(p)
    for (const { node, index } of this.plan.nodes) {
      const operator = this.operators[index]
      const watched = this.plan.nodes.find((p) => p.node === node.observed)
      if (operator instanceof StatsOperator && watched !== undefined) operator.watch(this.operators[watched.index]!)
    }
    this.feed = this.harness.feed({ reads: this.plan.reads })
  }

  /** Bytes of state by node name. */
  stateBytes(): Map<string, number> {
    return new Map(this.contexts.map((c) => [c.nodeName, c.state.bytes]))
  }

  /** Runs a text of input; returns what came out. */
  run(input: string): string {
    const lines = input.split('\n').filter((line) => line.trim() !== '')
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i]!
      const wait = /^wait (\d+)s$/.exec(line)
      const cluster = /^cluster (\S+) (\d+)$/.exec(line)
      if (wait !== null) this.harness.advance(this.harness.wheel.nowMs + Number(wait[1]) * 1000)
      else if (cluster !== null) this.replicas.set(cluster[1]!, Number(cluster[2]))
      else if (line.startsWith('batch ')) {
        const rows: string[] = []
        while (lines[i + 1]?.startsWith('  ')) rows.push(lines[++i]!)
        this.batch(line, rows)
      } else this.feed.rows(this.operators[0]!, [timed(line)])
      this.collect()
    }
    for (const o of this.operators) o?.stop()
    this.collect()
    for (const p of this.plan.nodes) if (p.node.def.method === 'httpOut') this.page(p)
    return this.output
      .splice(0)
      .map((line) => `${line}\n`)
      .join('')
  }

  dispose(): void {
    for (const o of this.operators) o?.dispose()
  }

  private context(planned: PlannedNode, nodeData?: RunOptions['nodeData']): TestContext {
    const context = this.harness.context(planned.node.name)
    Object.assign(context, { nodeIndex: planned.index, nodeData: nodeData?.(planned) })
    Object.assign(context, { server: { hostname: 'server', clusterId: '', serverId: '' } })
    this.contexts.push(context)
    this.seen.set(context, { sent: 0, logs: 0, errors: 0 })
    return context
  }

  private make(planned: PlannedNode, nodeData?: RunOptions['nodeData']): void {
    if (this.operators[planned.index] !== undefined) return
    if (planned.node.def === printerDef) {
      this.operators[planned.index] = new Printer(this.harness, (text) => this.output.push(text))
      return
    }
    if (planned.fusion === 'window') {
      const children = planned.children.map((child) => ({ planned: child, ctx: this.context(child) }))
      const fused = createFusedWindow(planned, this.context(planned), children)
      this.operators[planned.index] = fused.window
      planned.children.forEach((child, i) => {
        this.operators[child.index] = fused.outputs[i]!
      })
      return
    }
    const create = entryOf(planned.node.def).create
    if (create === undefined) throw new Error(`${planned.node.name} cannot run`)
    this.operators[planned.index] = create(planned, this.context(planned, nodeData))
  }

  private connect(parent: PlannedNode): void {
    const from = this.operators[parent.index]!
    const used = new Map<PlannedNode, number>()
    for (const child of parent.children) {
      const nth = used.get(child) ?? 0
      used.set(child, nth + 1)
      let port = -1
      for (let k = 0; k <= nth; k++) port = child.parents.indexOf(parent, port + 1)
      connect(from, this.operators[child.index]!, port)
    }
  }

  private batch(head: string, rows: readonly string[]): void {
    const [, name, tmax] = /^batch (\S+) (\S+)$/.exec(head)!
    const measurement = name!.split(',')[0]!
    const tags = name!.slice(measurement.length)
    const lines = rows.map((row) => {
      const cells = row.trim()
      const own = cells.split(/\s+/).length === 3 ? ',' : ' '
      return timed(`${measurement}${tags}${own}${cells}`)
    })
    const query = this.plan.nodes.find((p) => p.node.def.method === 'query')!
    const dims = tags
      .split(',')
      .slice(1)
      .map((pair) => pair.split('=')[0]!)
    const feed = this.harness.feed({ reads: this.plan.reads, dims })
    const chunk = feed.batchChunk([{ head: name!, tmax: tmax!, lines }])
    for (const edge of this.operators[query.index]!.edges) edge.child.receive(chunk, edge.port)
  }

  /** What operators have sent and logged since the last call. */
  private collect(): void {
    for (let again = true; again; ) {
      again = false
      for (const context of this.contexts) {
        const seen = this.seen.get(context)!
        while (seen.logs < context.logs.length) {
          const { level, msg, keys } = context.logs[seen.logs++]!
          const { task: _task, node: _node, ...rest } = keys
          const pairs = Object.entries(rest).map(([k, v]) => `${k}=${/[\s"]/.test(v) ? JSON.stringify(v) : v}`)
          this.output.push([`lvl=${level}`, `msg=${msg}`, ...pairs].join(' '))
        }
        while (seen.errors < context.errors.length) {
          const { msg, err } = context.errors[seen.errors++]!
          this.output.push(`error: ${msg}: ${err}`)
        }
        while (seen.sent < context.sent.length) {
          const { type, nodeIndex, payload } = context.sent[seen.sent++]!
          this.show(type, nodeIndex, payload)
          again = true
        }
      }
    }
  }

  private show(type: number, nodeIndex: number, payload: Uint8Array): void {
    switch (type) {
      case Out.Alert: {
        const frame = decodeAlertFrame(payload, 'example')
        if (frame.kind === 'event') this.output.push(`${levelTexts[frame.event.level]}: ${frame.event.message}`)
        return
      }
      case Out.HttpPost: {
        const view = new DataView(payload.buffer, payload.byteOffset)
        this.output.push(`POST ${decoder.decode(payload.subarray(16, 16 + view.getInt32(8, true))).trim()}`)
        return
      }
      case Out.Loopback:
      case Out.InfluxDBOut: {
        const frame = readLineFrame(payload)
        for (const line of decoder.decode(frame.lines).trim().split('\n')) {
          this.output.push(`${frame.db}.${frame.rp}: ${line.replace(/(\d+)000000000$/, '$1')}`)
        }
        return
      }
      case Out.Autoscale: {
        const { request, op, resource, count } = JSON.parse(decoder.decode(payload))
        if (op === 'set') {
          this.output.push(`set ${resource.name} to ${count} replicas`)
          this.replicas.set(resource.name, count)
        }
        const answer = { what: 'scale', request, count: this.replicas.get(resource.name) ?? 0, error: '' }
        this.operators[nodeIndex]!.control(answer)
        return
      }
      default:
        throw new Error(`frames of type ${type} are not shown`)
    }
  }

  private page({ index, node }: PlannedNode): void {
    const answer = this.operators[index]!.control({ what: 'rows' })
    this.output.push(`GET /${String(node.props.endpoint)}`)
    this.output.push(decoder.decode(joinRows([answer as Parameters<typeof joinRows>[0][0]])).trim())
  }
}

/** The harness marks times with an at sign. */
function timed(line: string): string {
  return line.replace(/\s(\S+)$/, ' @$1')
}
