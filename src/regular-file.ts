/**
 * Opens files at paths that users name. Only regular files: opening a FIFO waits for its other side, and a read or write of a
 * device may never end. On main that would stop the server; in the background it keeps one of the few threads that also do
 * the work of file system, compression and name lookups.
 *
 * What a path leads to is judged by the open file, so nothing can take its place in between. Thread: any.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats, statSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { ShardlineError } from './errors.js'

/** Without O_NONBLOCK, opening a FIFO waits. Regular files ignore it. */
const { O_APPEND, O_CREAT, O_NOCTTY, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants
/** Of a file that is read whole. */
const defaultMaxBytes = 64 * 1024 * 1024

/** A regular file, open. `flags` and `mode` as of open(2). Throws what opening throws, or a ShardlineError. */
export async function openRegular(path: string, flags: number, mode = 0o666): Promise<FileHandle> {
  return openWhere(path, flags, mode, (stat) => stat.isFile())
}

async function openWhere(
  path: string,
  flags: number,
  mode: number,
  fits: (stat: Stats) => boolean,
): Promise<FileHandle> {
  const file = await open(path, flags | O_NONBLOCK | O_NOCTTY, mode).catch((err: unknown) => {
    throw openError(path, err)
  })
  try {
    const stat = await file.stat()
    if (!fits(stat)) throw notRegular(path, kindOf(stat))
    return file
  } catch (err) {
    await file.close()
    throw err
  }
}

/**
 * A file to append to, made if there is none. Besides regular files this may be what the process itself writes to (its
 * /dev/stdout or /dev/stderr) and /dev/null. Writing may fail with EAGAIN then: nobody waits for the other side of a pipe.
 */
export async function openAppend(path: string, mode: number): Promise<FileHandle> {
  return openWhere(path, O_WRONLY | O_APPEND | O_CREAT, mode, (stat) => stat.isFile() || isOwnOutput(stat))
}

function isOwnOutput(stat: Stats): boolean {
  if (stat.isCharacterDevice() && stat.rdev === statSync('/dev/null').rdev) return true
  return [1, 2].some((fd) => {
    const own = fstatSync(fd)
    return own.dev === stat.dev && own.ino === stat.ino
  })
}

/** All of a regular file. */
export async function readRegular(path: string, maxBytes = defaultMaxBytes): Promise<Buffer> {
  const file = await openRegular(path, O_RDONLY)
  try {
    checkSize(path, (await file.stat()).size, maxBytes)
    return await file.readFile()
  } finally {
    await file.close()
  }
}

/** The same at once, for what is read when a configuration is. */
export function readRegularSync(path: string, maxBytes = defaultMaxBytes): Buffer {
  let fd: number
  try {
    fd = openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
  } catch (err) {
    throw openError(path, err)
  }
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw notRegular(path, kindOf(stat))
    checkSize(path, stat.size, maxBytes)
    return readFileSync(fd)
  } finally {
    closeSync(fd)
  }
}

function checkSize(path: string, bytes: number, maxBytes: number): void {
  if (bytes > maxBytes) {
    throw new ShardlineError('bad-file', `read ${path}: file is larger than ${maxBytes} bytes`)
  }
}

function kindOf(stat: Stats): string {
  if (stat.isDirectory()) return 'directory'
  if (stat.isFIFO()) return 'FIFO'
  return stat.isSocket() ? 'socket' : 'device'
}

/** Opening a socket, or a FIFO that nobody reads, for writing fails with ENXIO, a directory with EISDIR. */
function openError(path: string, err: unknown): unknown {
  const { code } = err as NodeJS.ErrnoException
  if (code === 'ENXIO') return notRegular(path, 'FIFO or socket')
  return code === 'EISDIR' ? notRegular(path, 'directory') : err
}

function notRegular(path: string, kind: string): ShardlineError {
  return new ShardlineError('bad-file', `open ${path}: not a regular file (${kind})`)
}
