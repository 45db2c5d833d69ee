// Builds, for scripts that need dist to be that of the sources.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')
/** The compiler leaves files alone whose text did not change, so the last build marks its own time. */
const stamp = path.join(root, 'dist/.built')

function newestMs(dir) {
  let latest = 0
  for (const entry of readdirSync(dir, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || entry.parentPath.includes('generated')) continue
    latest = Math.max(latest, statSync(path.join(entry.parentPath, entry.name)).mtimeMs)
  }
  return latest
}

export function isBuilt() {
  const sources = Math.max(newestMs(path.join(root, 'src')), newestMs(path.join(root, 'grammar')))
  return existsSync(path.join(root, 'dist/src/daemon.js')) && existsSync(stamp) && statSync(stamp).mtimeMs >= sources
}

/** Gives the exit code of the build, which writes its errors itself. */
export function build() {
  if (!existsSync(path.join(root, 'node_modules'))) {
    console.error('node_modules is missing: run `npm ci` first.')
    return Promise.resolve(1)
  }
  const started = new Date()
  const child = spawn('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => {
      if (code === 0) {
        writeFileSync(stamp, `${started.toISOString()}\n`)
        // What changes while it builds is not built.
        utimesSync(stamp, started, started)
      }
      resolve(code ?? 1)
    })
  })
}
