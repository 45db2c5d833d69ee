// npm run docs: writes the pages of docs/reference from the tables of the built sources. Pages that no longer exist go away.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')
const target = path.join(root, 'docs/reference')
const { referencePages } = await import(path.join(root, 'dist/src/docs/pages.js'))

const pages = referencePages((method) => {
  const file = path.join(root, 'docs/examples/nodes', `${method}.tick`)
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
})
for (const [name, text] of pages) {
  const file = path.join(target, name)
  mkdirSync(path.dirname(file), { recursive: true })
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text)
}
for (const entry of readdirSync(target, { recursive: true, withFileTypes: true })) {
  const file = path.join(entry.parentPath, entry.name)
  if (entry.isFile() && !pages.has(path.relative(target, file))) rmSync(file)
}
