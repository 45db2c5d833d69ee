/** One voice: tests say `it`, private members say `private`. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { root, sourceFiles } from './imports.js'

/** Files below a folder of the project with a text that matches. */
function filesWith(folder: string, text: RegExp): string[] {
  const top = path.join(root, folder)
  return sourceFiles(top).filter((file) => text.test(readFileSync(path.join(top, file), 'utf8')))
}

it('tests say it', () => {
  expect(filesWith('test', /import \{[^}]*\btest\b[^}]*\} from 'vitest'/)).toEqual([])
})

it('private members say private', () => {
  expect(filesWith('src', /^\s*(static |readonly |async |get |set )*#\w+/m)).toEqual([])
})
