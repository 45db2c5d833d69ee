/**
 * A context in which operators can be made but never run: what their constructors refuse is known without a server, and so is
 * how much memory they ask for. Thread: any.
 */
import type { OperatorContext } from '../operators/operator.js'
import type { PlannedNode } from '../plan/task-plan.js'
import { Grouping } from '../state/grouping.js'
import { ShardMemory, StateAllocator } from '../state/pages.js'
import { type TimerSet, TimerWheel } from '../state/timer-wheel.js'
import type { DropReason } from '../transport/stat-block.js'

const memoryBytes = 64 << 20

/** What the dry contexts of a task share. */
export class DryRun {
  readonly memory = new ShardMemory(memoryBytes)
  readonly wheel = new TimerWheel()

  context(planned: PlannedNode): OperatorContext {
    return new DryContext(this, planned)
  }

  allocator(): StateAllocator {
    return new StateAllocator(this.memory)
  }
}

class DryContext implements OperatorContext {
  readonly taskId = 'task'
  readonly shard = 0
  readonly shards = 1
  readonly nodeName: string
  readonly nodeIndex: number
  readonly state: StateAllocator
  readonly stats = { add(_name: string, _n: number): void {}, set(_name: string, _v: number): void {} }
  readonly outbox = { send(_type: number, _nodeIndex: number, _payload: Uint8Array): void {} }
  readonly server = { hostname: '', clusterId: '', serverId: '' }

  constructor(
    private readonly run: DryRun,
    planned: PlannedNode,
  ) {
    this.nodeName = planned.node.name
    this.nodeIndex = planned.index
    this.state = run.allocator()
  }

  readonly closeAfterMs = 0
  readonly nowNs = (): bigint => BigInt(this.now()) * 1_000_000n

  now(): number {
    return 0
  }

  timers(onTimer: (group: number, nowMs: number) => void): TimerSet {
    return this.run.wheel.add(this.state, onTimer)
  }

  grouping(opts: { dims: readonly string[] | null; byName: boolean }): Grouping {
    return new Grouping(this.state, opts.dims, opts.byName)
  }

  error(_msg: string, _err: string): void {}

  log(_level: 'debug' | 'info' | 'error', _msg: string, _keys: Record<string, string>): void {}

  dropped(_reason: DropReason, _n: number): void {}
}
