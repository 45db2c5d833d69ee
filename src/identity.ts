/** cluster.id and server.id: created on first start, never changed afterwards. Thread: any. */
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorText, ShardlineError } from './errors.js'

export function readIdentity(dataDir: string): { clusterId: string; serverId: string } {
  try {
    mkdirSync(dataDir, { recursive: true })
    return { clusterId: idFile(join(dataDir, 'cluster.id')), serverId: idFile(join(dataDir, 'server.id')) }
  } catch (err) {
    throw new ShardlineError('data-dir', `create server: ${dataDir}: ${errorText(err)}`)
  }
}

function idFile(path: string): string {
  try {
    const id = readFileSync(path, 'utf8').trim()
    if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) return id
    throw new Error(`${path} does not hold a UUID`)
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ENOENT') throw err
  }
  const id = randomUUID()
  writeFileSync(path, id)
  return id
}
