/**
 * Which request of which httpPost node goes out next. Thread: main.
 *
 * Jobs of one chain (a group of a node) follow each other; the first of each chain waits in the lane of its run and host. Lanes
 * take turns, one job each. A lane whose run or host has as many requests under way as it may is set aside with it, and comes
 * back when one of them ends: a server that does not answer holds up no other server, a task no other task.
 *
 * What waits is bounded in bytes. Half of the room is for whoever comes first; of the other half each run has its part, so a
 * run that fills the queue leaves room for the others.
 */
import { setMaxListeners } from 'node:events'

export interface PostJob {
  readonly chain: string
  readonly bytes: number
  /** Where the request will go. Asked once, when the jobs before it in its chain are done. */
  host(): string
  /** Must not reject, and must end soon after the signal aborts. */
  send(signal: AbortSignal): Promise<void>
}

export interface PostLimits {
  readonly requests: number
  readonly requestsPerTask: number
  readonly requestsPerHost: number
  readonly queuedBytes: number
}

export class PostQueue {
  queuedBytes = 0
  private readonly runs = new Map<number, Run>()
  private readonly hosts = new Map<string, Host>()
  private readonly turns = new Fifo<Lane>()
  private underWay = 0

  constructor(private readonly limits: PostLimits) {}

  open(key: number): void {
    this.runs.set(key, new Run())
  }

  /** False: there is no room. The run must be open. */
  offer(key: number, job: PostJob): boolean {
    const run = this.runs.get(key)
    if (run === undefined || !this.hasRoom(run, job.bytes)) return false
    this.queuedBytes += job.bytes
    run.bytes += job.bytes
    run.jobs++
    const chain = run.chains.get(job.chain)
    if (chain !== undefined) chain.push(job)
    else {
      run.chains.set(job.chain, new Fifo<PostJob>())
      this.ready(run, job)
      this.pump()
    }
    return true
  }

  /** Forgets a run: what waits is not sent, what is under way is aborted. */
  close(key: number): void {
    const run = this.runs.get(key)
    if (run === undefined) return
    this.runs.delete(key)
    this.queuedBytes -= run.bytes
    run.end()
  }

  /** Resolves when nothing of the run is under way or waits; without a key, nothing of those that are open now. */
  async idle(key?: number): Promise<void> {
    const runs = [...this.runs].filter(([k, run]) => run.jobs > 0 && (key === undefined || k === key))
    await Promise.all(runs.map(([, run]) => new Promise<void>((resolve) => run.whenIdle.push(resolve))))
  }

  private hasRoom(run: Run, bytes: number): boolean {
    const half = this.limits.queuedBytes / 2
    return this.queuedBytes + bytes <= half || run.bytes + bytes <= half / this.runs.size
  }

  /** The job is the first of its chain. */
  private ready(run: Run, job: PostJob): void {
    const name = job.host()
    let host = this.hosts.get(name)
    if (host === undefined) {
      host = new Host(name)
      this.hosts.set(name, host)
    }
    let lane = run.lanes.get(name)
    if (lane === undefined) {
      lane = new Lane(run, host)
      run.lanes.set(name, lane)
      host.lanes++
      this.turns.push(lane)
    }
    lane.jobs.push(job)
  }

  private pump(): void {
    while (this.underWay < this.limits.requests) {
      const lane = this.turns.shift()
      if (lane === undefined) return
      const { run, host } = lane
      const job = lane.jobs.first
      if (job !== undefined && this.mayRun(run) && this.mayAsk(host)) {
        this.turns.push(lane)
        this.send(lane, job)
        continue
      }
      if (job === undefined) this.drop(lane)
      else if (this.mayRun(run)) host.setAside.push(lane)
      else run.setAside.push(lane)
      // What it does not use may be what others wait for.
      this.comeBack(run, host)
    }
  }

  private mayRun(run: Run): boolean {
    return run.underWay < this.limits.requestsPerTask
  }

  private mayAsk(host: Host): boolean {
    return host.underWay < this.limits.requestsPerHost
  }

  private send({ jobs, run, host }: Lane, job: PostJob): void {
    jobs.shift()
    this.underWay++
    run.underWay++
    host.underWay++
    void job.send(run.abort.signal).finally(() => {
      this.underWay--
      run.underWay--
      host.underWay--
      if (!run.ended) this.done(run, job)
      this.comeBack(run, host)
      if (host.isUnused) this.hosts.delete(host.name)
      this.pump()
    })
  }

  private done(run: Run, job: PostJob): void {
    this.queuedBytes -= job.bytes
    run.bytes -= job.bytes
    const next = run.chains.get(job.chain)?.shift()
    if (next === undefined) run.chains.delete(job.chain)
    else this.ready(run, next)
    if (--run.jobs === 0) run.resolveIdle()
  }

  /** One lane that was set aside for each gets another turn. */
  private comeBack(run: Run, host: Host): void {
    const ofRun = this.mayRun(run) ? run.setAside.shift() : undefined
    const ofHost = this.mayAsk(host) ? host.setAside.shift() : undefined
    if (ofRun !== undefined) this.turns.push(ofRun)
    if (ofHost !== undefined) this.turns.push(ofHost)
  }

  private drop({ run, host }: Lane): void {
    run.lanes.delete(host.name)
    host.lanes--
    if (host.isUnused) this.hosts.delete(host.name)
  }
}

/** Where the requests of all runs to one server are counted; forgotten with its last lane. */
class Host {
  lanes = 0
  underWay = 0
  readonly setAside = new Fifo<Lane>()

  constructor(readonly name: string) {}

  get isUnused(): boolean {
    return this.lanes === 0 && this.underWay === 0
  }
}

/** Jobs of one run for one host, each the first of its chain. In `turns`, or set aside with its run or host. */
class Lane {
  readonly jobs = new Fifo<PostJob>()

  constructor(
    readonly run: Run,
    readonly host: Host,
  ) {}
}

class Run {
  readonly abort = new AbortController()
  /** Behind the first job of each chain, which is in a lane or under way. */
  readonly chains = new Map<string, Fifo<PostJob>>()
  readonly lanes = new Map<string, Lane>()
  readonly setAside = new Fifo<Lane>()
  readonly whenIdle: (() => void)[] = []
  bytes = 0
  /** Not done yet. */
  jobs = 0
  underWay = 0
  ended = false

  constructor() {
    // One for each request under way.
    setMaxListeners(0, this.abort.signal)
  }

  end(): void {
    this.ended = true
    this.chains.clear()
    // The lanes themselves go when their turn comes.
    for (const lane of this.lanes.values()) lane.jobs.clear()
    this.abort.abort(new Error('the task has stopped'))
    this.resolveIdle()
  }

  resolveIdle(): void {
    for (const resolve of this.whenIdle.splice(0)) resolve()
  }
}

interface Link<T> {
  readonly item: T
  next: Link<T> | null
}

class Fifo<T> {
  private head: Link<T> | null = null
  private tail: Link<T> | null = null

  get first(): T | undefined {
    return this.head?.item
  }

  push(item: T): void {
    const link: Link<T> = { item, next: null }
    if (this.tail === null) this.head = link
    else this.tail.next = link
    this.tail = link
  }

  shift(): T | undefined {
    const link = this.head
    if (link === null) return undefined
    this.head = link.next
    if (this.head === null) this.tail = null
    return link.item
  }

  clear(): void {
    this.head = null
    this.tail = null
  }
}
