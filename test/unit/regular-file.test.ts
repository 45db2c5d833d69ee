import { execFileSync, spawn } from 'node:child_process'
import { constants, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openAppend, openRegular, readRegular, readRegularSync } from '../../src/regular-file.js'

const dir = mkdtempSync(join(tmpdir(), 'regular-'))
const at = (name: string): string => join(dir, name)
const socket = createServer()
beforeAll(async () => {
  execFileSync('mkfifo', [at('fifo'), at('read')])
  await new Promise<void>((resolve) => socket.listen(at('socket'), resolve))
  writeFileSync(at('file'), 'text')
  symlinkSync(at('fifo'), at('link'))
})
afterAll(async () => {
  await new Promise((resolve) => socket.close(resolve))
  rmSync(dir, { recursive: true })
})

describe('what is no regular file', () => {
  const refused: [string, string, string][] = [
    ['fifo', '(FIFO)', '(FIFO or socket)'],
    ['link', '(FIFO)', '(FIFO or socket)'],
    ['socket', '(FIFO or socket)', '(FIFO or socket)'],
    ['.', '(directory)', '(directory)'],
    ['/dev/zero', '(device)', '(device)'],
  ]
  it.each(refused)('%s is refused at once', async (name, reading, writing) => {
    const path = name.startsWith('/') ? name : at(name)
    const text = (kind: string): string => `open ${path}: not a regular file ${kind}`
    expect(() => readRegularSync(path)).toThrow(text(reading))
    await expect(readRegular(path)).rejects.toThrow(text(reading))
    await expect(openRegular(path, constants.O_WRONLY)).rejects.toThrow(text(writing))
    await expect(openAppend(path, 0o600)).rejects.toThrow(text(writing))
  })

  it('a FIFO that somebody reads is refused as well', async () => {
    const reader = spawn('cat', [at('read')], { stdio: 'ignore' })
    try {
      const refusal = async (): Promise<string> =>
        openAppend(at('read'), 0o600).then(
          () => '',
          (err: Error) => err.message,
        )
      await expect.poll(refusal, { timeout: 20_000 }).toContain('(FIFO)')
    } finally {
      reader.kill()
    }
  })
})

describe('regular files', () => {
  it('are read, appended to, and made with their mode', async () => {
    expect(readRegularSync(at('file')).toString()).toBe('text')
    expect((await readRegular(at('file'))).toString()).toBe('text')
    for (const text of ['a', 'b']) {
      const file = await openAppend(at('new'), 0o640)
      await file.write(text)
      await file.close()
    }
    expect(readFileSync(at('new'), 'utf8')).toBe('ab')
    expect(statSync(at('new')).mode & 0o777).toBe(0o640)
  })

  it('are refused beyond their bound', async () => {
    expect(() => readRegularSync(at('file'), 3)).toThrow('file is larger than 3 bytes')
    await expect(readRegular(at('file'), 3)).rejects.toThrow('file is larger than 3 bytes')
  })

  it('that do not exist keep the error of the system', async () => {
    expect(() => readRegularSync(at('none'))).toThrow('ENOENT')
    await expect(readRegular(at('none'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

it('/dev/null can be appended to', async () => {
  const file = await openAppend('/dev/null', 0o600)
  await file.write('x')
  await file.close()
})
