/**
 * Appends each event as one line of JSON. The file is opened and closed per batch, so that a rotated file is followed; the
 * events of one tick are one write, in order. FIFOs, sockets and foreign devices are refused (regular-file.ts). Thread: any; deliveries on main.
 */
import type { FileHandle } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ShardlineError } from '../../errors.js'
import { openAppend } from '../../regular-file.js'
import { defineHandler, queueCapacity } from '../handler.js'
import { fileMode, text } from '../handler-option.js'

export const log = defineHandler({
  kind: 'log',
  doc: 'Appends each event as one line of JSON to a file.',
  script: { method: 'log', goType: 'LogHandler', failure: 'failed to create log alert handler' },
  goType: '*alert.LogHandlerConfig',
  options: {
    path: text('Absolute path. Besides files /dev/stdout, /dev/stderr and /dev/null.', { script: 'argument' }),
    mode: fileMode('Permissions of a file that is created, default 0600.', 0o600n),
  },
  check({ path, mode }) {
    if (!isAbsolute(path)) {
      throw new ShardlineError('bad-handler', `log path must be absolute: ${path} is not absolute`)
    }
    if ((mode & 0o200n) === 0n) throw new ShardlineError('bad-handler', 'mode must be user writable')
  },
  create: ({ path, mode }) => ({
    // All that waits: opening the file costs more than writing thousands of lines.
    maxBatch: queueCapacity,
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
  }),
})

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
