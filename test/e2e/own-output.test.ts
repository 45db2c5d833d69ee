/** `.log('/dev/stdout')`, as containers use it: standard output is a pipe there. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const module = fileURLToPath(new URL('../../dist/src/regular-file.js', import.meta.url))

it.each(['/dev/stdout', '/dev/stderr'])('%s of the process can be appended to when it is a pipe', (path) => {
  const script = `
    import { openAppend } from ${JSON.stringify(module)}
    const file = await openAppend(${JSON.stringify(path)}, 0o600)
    await file.write('line\\n')
    await file.close()`
  const command = `"$0" --input-type=module -e "$1" 2>&1 | cat`
  expect(execFileSync('sh', ['-c', command, process.execPath, script], { encoding: 'utf8' })).toBe('line\n')
})
