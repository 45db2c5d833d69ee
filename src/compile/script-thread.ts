/** Entry point of the threads of compiler.ts: the function of each of their Piscina tasks. Thread: scripts. */
import { doJob, type Job, type JobResult } from './jobs.js'

export interface JobCall {
  readonly job: Job
  /** One int32, set to 1 when the job begins: until then the thread was starting. */
  readonly begun: Int32Array
}

export default function work({ job, begun }: JobCall): JobResult {
  // Pairs with the load in JobThread.
  Atomics.store(begun, 0, 1)
  return doJob(job)
}
