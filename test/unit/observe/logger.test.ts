import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createLog, jsonLine, LogOutput, logfmtLine, logLevelOf, openLogSink } from '../../../src/observe/logger.js'

function collected(level: string, format: 'logfmt' | 'json' = 'logfmt') {
  let text = ''
  const output = new LogOutput(
    {
      write: (t) => {
        text += t
      },
      close() {},
    },
    logLevelOf(level),
    format,
  )
  return {
    output,
    log: createLog(output),
    text: () => {
      output.flush()
      return text
    },
  }
}

const at = Date.UTC(2026, 10, 20, 8, 43, 29, 105)

it('logfmt: order of keys, quotes only where needed', () => {
  const keys = [
    ['service', 'http'],
    ['empty', ''],
    ['err', 'a "b"\nc'],
    ['n', 5],
    ['path', '/a?b=c'],
  ] as const
  expect(logfmtLine({ timeMs: at, level: 'info', msg: 'http request', keys })).toBe(
    'ts=2026-11-20T08:43:29.105Z lvl=info msg="http request" service=http empty= err="a \\"b\\"\\nc" n=5 path=/a?b=c\n',
  )
})

it('JSON lines', () => {
  expect(
    jsonLine({
      timeMs: at,
      level: 'error',
      msg: 'm',
      keys: [
        ['status', 204],
        ['err', new Error('x')],
      ],
    }),
  ).toBe('{"ts":"2026-11-20T08:43:29.105Z","lvl":"error","msg":"m","status":204,"err":"x"}\n')
})

it('levels: below is silent, names in any case, unknown ones mean debug', () => {
  const { output, log, text } = collected('INFO')
  log.debug('no')
  log.with({ service: 's' }).info('yes', { k: 'v' })
  output.level = logLevelOf('Error')
  log.info('no')
  log.error('bad')
  expect(text().replaceAll(/ts=\S+ /g, '')).toBe('lvl=info msg=yes service=s k=v\nlvl=error msg=bad\n')
  expect(logLevelOf('zz')).toBe('debug')
})

it('listeners get every line, whatever the level', () => {
  const { output, log, text } = collected('ERROR')
  const seen: string[] = []
  const stop = output.listen((line) => seen.push(line.msg))
  log.debug('one')
  stop()
  log.debug('two')
  expect(seen).toEqual(['one'])
  expect(text()).toBe('')
})

it('a file: parents are made, lines appended, not for everybody to read', () => {
  const dir = mkdtempSync(join(tmpdir(), 'shardline-log-'))
  const file = join(dir, 'a', 'b.log')
  for (const msg of ['one', 'two']) {
    const output = new LogOutput(openLogSink(file), 'info', 'json')
    createLog(output).info(msg)
    output.close()
  }
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  expect(lines.map((l) => (JSON.parse(l) as { msg: string }).msg)).toEqual(['one', 'two'])
  expect(statSync(file).mode & 0o777 & ~0o640).toBe(0)
  expect(() => openLogSink(join(file, 'below'))).toThrow('init logging:')
  rmSync(dir, { recursive: true })
})
