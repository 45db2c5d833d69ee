/** Files that threads are started from. Thread: main. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const sources = new URL('./', import.meta.url)
const built = new URL('../dist/src/', import.meta.url)

/**
 * URL of the module `path`, relative to the module whose `import.meta.url` is `from`. Threads run built modules only: where
 * this process runs from the sources, as tests do, it is the built one that stands at the same place.
 */
export function builtFile(path: string, from: string): string {
  const here = new URL(path, from)
  if (existsSync(fileURLToPath(here))) return here.href
  return new URL(here.href.slice(sources.href.length), built).href
}
