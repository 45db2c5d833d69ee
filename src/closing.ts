/**
 * Taking things apart: every step is taken, whatever becomes of the others, and none is waited for without end. Thread: any.
 */
import { within } from './deadline.js'
import { errorText, ShardlineError } from './errors.js'
import type { Log } from './log.js'

interface Step {
  readonly name: string
  readonly close: () => Promise<void> | void
}

/** For a step that is begun when the time is over. */
const lastMomentMs = 250

/** Parts that are closed one after the other, those that were opened last first. */
export class Closing {
  private readonly steps: Step[] = []

  constructor(private readonly log: Log) {}

  add(name: string, close: Step['close']): void {
    this.steps.push({ name, close })
  }

  /** All steps share `deadlineMs`; one that takes longer is left to itself. Throws when some part did not close. */
  async close(deadlineMs: number): Promise<void> {
    const until = performance.now() + deadlineMs
    const failed: string[] = []
    for (let step = this.steps.pop(); step !== undefined; step = this.steps.pop()) {
      const { name } = step
      try {
        const leftMs = Math.max(lastMomentMs, until - performance.now())
        if ((await within(taken(step), leftMs)) === null) throw new Error('it takes too long')
        this.log.debug('closed service', { service: name })
      } catch (err) {
        failed.push(name)
        this.log.error('failed to close service', { service: name, err: errorText(err) })
      }
    }
    if (failed.length > 0) throw new ShardlineError('not-closed', `failed to close ${failed.join(', ')}`)
  }
}

async function taken(step: Step): Promise<true> {
  await step.close()
  return true
}

/** Waits for all of them, then throws what the first of those that failed threw. */
export async function allClosed(closing: Iterable<Promise<unknown>>): Promise<void> {
  for (const outcome of await Promise.allSettled(closing)) if (outcome.status === 'rejected') throw outcome.reason
}
