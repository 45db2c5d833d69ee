/**
 * What a shard's thread runs: the function of its one Piscina task, which returns when main sends `shutdown`. While it runs
 * the thread's event loop stands still; everything reaches it through shared memory and `receiveMessageOnPort`. How tasks are
 * built is the entry point's to say (compile/shard-thread.ts). Thread: shard worker.
 */
import inspector from 'node:inspector'
import type { FromShard, ShardInit } from '../transport/messages.js'
import { ShardLoop } from './loop.js'
import type { BuildTask } from './task.js'

export function shardWorker(buildTask: BuildTask): (init: ShardInit) => void {
  return (init) => {
    // Pairs with the exchange in ShardHandle.giveUpStart().
    if (Atomics.compareExchange(new Int32Array(init.claim), 0, 0, 1) !== 0) return
    // A thread may have taken a start before.
    if (init.inspectPort !== 0 && inspector.url() === undefined) inspector.open(init.inspectPort, '127.0.0.1')
    const loop = new ShardLoop(init, buildTask)
    init.port.postMessage({ type: 'ready', shard: init.shard } satisfies FromShard)
    loop.run()
    init.port.close()
  }
}
