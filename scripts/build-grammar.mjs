// Compiles the Lezer grammars into src/tickscript/generated/ (build output). Does nothing when that is up to date.
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const out = join(root, 'src', 'tickscript', 'generated')
const source = join(root, 'grammar', 'tick.grammar')
const targets = [join(out, 'tick.ts'), join(out, 'tick.terms.ts')]

const mtime = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
const newest = Math.max(mtime(source), mtime(fileURLToPath(import.meta.url)))
if (targets.every((target) => mtime(target) > newest)) process.exit(0)

const { buildParserFile } = await import('@lezer/generator')
const { parser, terms } = buildParserFile(readFileSync(source, 'utf8'), {
  fileName: 'tick.grammar',
  includeNames: true,
  moduleStyle: 'es',
  typeScript: true,
  exportName: 'tickParser',
  warn: (message) => {
    throw new Error(message)
  },
})
mkdirSync(out, { recursive: true })
for (const [i, text] of [parser, terms].entries()) {
  // Written beside and renamed, so that a build running at the same time never reads half a file.
  const temporary = `${targets[i]}.${process.pid}`
  writeFileSync(temporary, `// @ts-nocheck\n${text}`)
  renameSync(temporary, targets[i])
}
