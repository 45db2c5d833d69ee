/**
 * Entry point of a shard's thread: the function of its one Piscina task, which returns when main sends `shutdown`. While it
 * runs the thread's event loop stands still; everything reaches it through shared memory and `receiveMessageOnPort`.
 */
import inspector from 'node:inspector'
import type { FromShard, ShardInit } from '../transport/messages.js'
import { ShardLoop } from './loop.js'
import type { BuildTask } from './task.js'

export default async function run(init: ShardInit): Promise<void> {
  // Pairs with the exchange in ShardHandle.giveUpStart().
  if (Atomics.compareExchange(new Int32Array(init.claim), 0, 0, 1) !== 0) return
  // A thread may have taken a start before.
  if (init.inspectPort !== 0 && inspector.url() === undefined) inspector.open(init.inspectPort, '127.0.0.1')
  const { buildTask } = (await import(init.taskModule)) as { buildTask: BuildTask }
  const loop = new ShardLoop(init, buildTask)
  init.port.postMessage({ type: 'ready', shard: init.shard } satisfies FromShard)
  loop.run()
  init.port.close()
}
