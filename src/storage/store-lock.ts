/**
 * One server per store: two would both run every task. The lock is a listening socket in Linux's abstract namespace, named after
 * the directory, which the kernel takes away with the process however that ends. Elsewhere there is no such name and no lock. Thread: main.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, realpathSync } from 'node:fs'
import { createServer } from 'node:net'
import { ShardlineError } from '../errors.js'

export interface StoreLock {
  release(): Promise<void>
}

/** A directory that cannot be made is the store's error, told when it opens. */
function realpathOf(directory: string): string {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    return realpathSync(directory)
  } catch (err) {
    if (err instanceof Error && 'code' in err) return directory
    throw err
  }
}

/** Throws ShardlineError when another process holds the lock of `directory`, which is created when it is missing. */
export async function lockStore(directory: string): Promise<StoreLock> {
  if (process.platform !== 'linux') return { release: async () => {} }
  const name = createHash('sha256').update(realpathOf(directory)).digest('hex').slice(0, 32)
  const server = createServer((socket) => socket.destroy())
  server.listen(`\0shardline-${name}`)
  try {
    await once(server, 'listening')
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw err
    throw new ShardlineError(
      'store-in-use',
      `the store ${directory} is in use by another server`,
      500,
      'stop the other server, or give this one a data_dir of its own',
    )
  }
  server.unref()
  return {
    async release() {
      server.close()
      await once(server, 'close')
    },
  }
}
