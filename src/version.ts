/** Our version, and the one of the original that clients are told. Thread: any. */
import { readFileSync } from 'node:fs'

/** What `X-Kapacitor-Version`, `/debug/vars` and tools that ask for a Kapacitor get. */
export const kapacitorVersion = '1.5.7'

export const shardlineVersion = packageVersion()

function packageVersion(): string {
  // From src/ under the test runner, from dist/src/ when built.
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const found = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as {
        name?: string
        version?: string
      }
      if (found.name === 'shardline' && found.version !== undefined) return found.version
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'ENOENT') throw err
    }
  }
  return 'unknown'
}
