/** Reads the imports of the source tree: what each file takes from which other, type imports and `import()` included. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { floors } from './floors.js'

export const root = path.resolve(import.meta.dirname, '../../..')

/** Files of a folder and the folders below, relative to it, but generated ones. */
export function sourceFiles(folder = path.join(root, 'src')): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile() && e.name.endsWith('.ts') && !e.parentPath.includes('generated'))
    .map((e) => path.relative(folder, path.join(e.parentPath, e.name)))
    .sort()
}

const importOf = /(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)'(\.{1,2}\/[^']+)\.js'/g

/** Per file below `src` the files below `src` that it imports. */
export function importsOf(files: readonly string[]): Map<string, string[]> {
  const known = new Set(files)
  return new Map(
    files.map((file) => {
      const text = readFileSync(path.join(root, 'src', file), 'utf8')
      const targets = [...text.matchAll(importOf)].map((m) => `${path.join(path.dirname(file), m[1])}.ts`)
      return [file, targets.filter((t) => known.has(t))]
    }),
  )
}

/** The room of a file: the longest name in `floors` that is the file or a folder it lies in. */
export function roomOf(file: string): { readonly room: string; readonly floor: number } | undefined {
  for (let name = file; name !== '.'; name = path.dirname(name)) {
    const floor = floors.findIndex((rooms) => rooms.includes(name))
    if (floor >= 0) return { room: name, floor }
  }
  return undefined
}

/** Groups of files that import each other in a circle (Tarjan, "Depth-first search and linear graph algorithms", 1972). */
export function circles(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = []
  const order = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const visit = (file: string): number => {
    let lowest = order.size
    order.set(file, lowest)
    low.set(file, lowest)
    stack.push(file)
    for (const target of imports.get(file) ?? []) {
      if (!order.has(target)) lowest = Math.min(lowest, visit(target))
      else if (stack.includes(target)) lowest = Math.min(lowest, order.get(target) ?? 0)
    }
    low.set(file, lowest)
    if (lowest === order.get(file)) {
      const circle = stack.splice(stack.indexOf(file))
      if (circle.length > 1) found.push(circle)
    }
    return lowest
  }
  for (const file of imports.keys()) if (!order.has(file)) visit(file)
  return found
}
