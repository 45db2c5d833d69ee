/**
 * Appends each event as one line of JSON. The file is opened and closed per batch, so that a rotated file is followed;
 * the events of one tick are one write, in order. FIFOs, sockets and foreign devices are refused (regular-file.ts).
 */
import type { FileHandle } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { queueCapacity } from '../../alerts/handler-queue.js'
import { openAppend } from '../../regular-file.js'
import { defaultDeadlineMs, type HandlerKind, textOf } from '../handler.js'
import { checkLogHandler, logHandlerFailure } from '../script-methods.js'

export const logKind: HandlerKind = {
  kind: 'log',
  scriptFailure: logHandlerFailure,
  create(props) {
    const path = textOf(props, 'path')
    const mode = typeof props.mode === 'bigint' ? props.mode : 0o600n
    checkLogHandler(path, mode)
    return {
      kind: 'log',
      // All that waits: opening the file costs more than writing thousands of lines.
      maxBatch: queueCapacity,
      deadlineMs: defaultDeadlineMs,
      async deliver(batch, signal, fail) {
        let lines = ''
        for (const d of batch) {
          try {
            lines += d.json
          } catch (err) {
            fail(d, err)
          }
        }
        // Opened also when nothing can be encoded: the file then exists, empty, as in the original.
        const file = await openAppend(path, Number(mode))
        try {
          await writeAll(file, Buffer.from(lines), signal)
        } finally {
          await file.close()
        }
      },
    }
  },
}

/** How often a full pipe is looked at. */
const pipeFullMs = 20

/** The signal ends the wait for a pipe that nobody empties; a file takes all at once. */
export async function writeAll(file: FileHandle, bytes: Buffer, signal: AbortSignal): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    signal.throwIfAborted()
    try {
      at += (await file.write(bytes, at)).bytesWritten
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'EAGAIN') throw err
      await sleep(pipeFullMs, undefined, { signal })
    }
  }
}
