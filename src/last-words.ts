/**
 * What the process does when something fails that nobody catches: nothing can be relied on any more, so it says in the log and
 * on stderr what happened and what to do, and ends. Thread: main.
 */
import { errorText } from './errors.js'
import type { Log } from './log.js'

/** EX_SOFTWARE: a mistake in this program, not in its configuration (1). */
const exitCode = 70

const advice =
  'Start the server again: tasks, topics and levels of alerts come back, windows begin empty. ' +
  'It is a mistake of Shardline, please report it with the lines above.'

/** `leave` writes the rest of the log and removes what a process leaves behind. */
export function endAfterFailures(log: Log, leave: () => void): void {
  process.on('uncaughtExceptionMonitor', (err: unknown, origin) => {
    const what = origin === 'unhandledRejection' ? 'unhandled rejection' : 'uncaught exception'
    log.error(what, { service: 'run', err: errorText(err), stack: stackOf(err) })
    log.error(`the server ends. ${advice}`, { service: 'run', 'exit-code': exitCode })
    leave()
  })
  process.on('uncaughtException', (err: unknown) => {
    process.stderr.write(`run: ${stackOf(err)}\n${advice}\n`)
    process.exit(exitCode)
  })
}

function stackOf(err: unknown): string {
  return err instanceof Error ? (err.stack ?? err.message) : String(err)
}
