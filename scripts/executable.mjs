// The last step of a build: the compiler writes plain files, and `npx shardline` needs the commands to be executable.
import { chmodSync, readFileSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')
const { bin } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
for (const file of Object.values(bin)) chmodSync(path.join(root, file), 0o755)
