/** A compiler that does its jobs on the thread of the test. */
import { Compiler } from '../../../src/compile/compiler.js'
import { doJob } from '../../../src/compile/jobs.js'

export function directCompiler(): Compiler {
  const runner = { run: async (job: Parameters<typeof doJob>[0]) => doJob(job), close: async () => {} }
  return new Compiler({ scripts: runner, explanations: runner })
}
