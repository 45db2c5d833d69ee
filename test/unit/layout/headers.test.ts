/** Every file with a header says in it which thread its code runs on, in one wording: "Thread: main." */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { root, sourceFiles } from './imports.js'

/** Programs of their own, with one thread. */
const programs = ['cli.ts', 'cli/', 'daemon.ts', 'demo.ts', 'demo/', 'docs/']

const headerOf = (file: string): string =>
  readFileSync(path.join(root, 'src', file), 'utf8').match(/^(?:#!.*\n)?\s*(?:\/\*[\s\S]*?\*\/|(?:\/\/.*\n)+)/)?.[0] ??
  ''

const headers = sourceFiles()
  .filter((file) => !programs.some((p) => (p.endsWith('/') ? file.startsWith(p) : file === p)))
  .map((file) => ({ file, header: headerOf(file) }))
  .filter(({ header }) => header !== '')

it('says the thread in every header', () => {
  expect(headers.length).toBeGreaterThan(300)
  expect(headers.filter(({ header }) => !/\bThreads?: \w/.test(header)).map(({ file }) => file)).toEqual([])
})

it('says it in one wording', () => {
  expect(
    headers.filter(({ header }) => /\b(Main|Any)\s+(\*\s+)?thread\b/.test(header)).map(({ file }) => file),
  ).toEqual([])
})
