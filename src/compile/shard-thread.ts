/** Entry point of a shard's thread: a shard that builds tasks from their scripts. Named to main by threads.ts. Thread: shard worker. */
import { shardWorker } from '../shard/worker.js'
import { buildTask } from './instantiate.js'

export default shardWorker(buildTask)
