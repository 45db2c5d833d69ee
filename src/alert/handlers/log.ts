/**
 * Appends each event as one line of JSON. The file is opened and closed per batch, so that a rotated file is followed;
 * the events of one tick are one write, in order.
 */
import { open } from 'node:fs/promises'
import { checkLogHandler } from '../../operators/alert-handlers.js'
import { queueCapacity } from '../handler-queue.js'
import { defaultDeadlineMs, type HandlerKind, textOf } from './handler.js'

export const logKind: HandlerKind = {
  kind: 'log',
  create(props) {
    const path = textOf(props, 'path')
    const mode = typeof props.mode === 'bigint' ? props.mode : 0o600n
    checkLogHandler(path, mode)
    return {
      kind: 'log',
      // All that waits: opening the file costs more than writing thousands of lines.
      maxBatch: queueCapacity,
      deadlineMs: defaultDeadlineMs,
      async deliver(batch, _signal, fail) {
        let lines = ''
        for (const d of batch) {
          try {
            lines += d.json
          } catch (err) {
            fail(d, err)
          }
        }
        // Opened also when nothing can be encoded: the file then exists, empty, as in the original.
        const file = await open(path, 'a', Number(mode))
        try {
          if (lines !== '') await file.appendFile(lines)
        } finally {
          await file.close()
        }
      },
    }
  },
}
