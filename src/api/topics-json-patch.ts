/** JSON patch (RFC 6902) over lossless JSON, for handlers of topics. Thread: any. The given document is not changed. */
import { ShardlineError } from '../errors.js'
import { isObject, type Json, JsonNumber } from '../go/lossless-json.js'

const bad = (text: string): ShardlineError => new ShardlineError('bad-patch', `failed to apply patch: ${text}`)

const maxOperations = 1000

export function applyPatch(document: Json, patch: Json): Json {
  if (!Array.isArray(patch)) throw bad('a patch is a list of operations')
  if (patch.length > maxOperations) throw bad(`more than ${maxOperations} operations`)
  const root: { value: Json } = { value: clone(document) }
  for (const operation of patch) apply(root, operation)
  return root.value
}

function apply(root: { value: Json }, operation: Json): void {
  if (!isObject(operation) || typeof operation.op !== 'string') throw bad('an operation is an object with "op"')
  const { op } = operation
  const path = pointer(operation.path, 'path')
  const value = (): Json => {
    if (operation.value === undefined) throw bad(`operation "${op}" needs a "value"`)
    return clone(operation.value)
  }
  switch (op) {
    case 'add':
      add(root, path, value())
      return
    case 'remove':
      remove(root, path)
      return
    case 'replace': {
      const next = value()
      if (path.length > 0) remove(root, path)
      add(root, path, next)
      return
    }
    case 'move': {
      const from = pointer(operation.from, 'from')
      if (path.length > from.length && from.every((part, i) => part === path[i])) throw bad('cannot move into itself')
      add(root, path, remove(root, from))
      return
    }
    case 'copy':
      add(root, path, clone(find(root, pointer(operation.from, 'from'))))
      return
    case 'test':
      if (!equal(find(root, path), value())) throw bad(`test of ${JSON.stringify(operation.path)} failed`)
      return
    default:
      throw bad(`unknown operation ${JSON.stringify(op)}`)
  }
}

function pointer(text: Json | undefined, what: string): string[] {
  if (typeof text !== 'string' || (text !== '' && !text.startsWith('/'))) throw bad(`"${what}" is not a JSON pointer`)
  return text
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

const missing = (path: readonly string[]): ShardlineError => bad(`there is no value at /${path.join('/')}`)

function find(root: { value: Json }, path: readonly string[]): Json {
  let at: Json | undefined = root.value
  for (const part of path) {
    if (Array.isArray(at)) at = at[indexOf(at, part, path, 1)]
    else if (isObject(at) && Object.hasOwn(at, part)) at = at[part]
    else throw missing(path)
  }
  if (at === undefined) throw missing(path)
  return at
}

/** Below `list.length + 1 - short`. */
function indexOf(list: readonly Json[], part: string, path: readonly string[], short: number): number {
  if (!/^(?:0|[1-9]\d*)$/.test(part) || Number(part) > list.length - short) throw missing(path)
  return Number(part)
}

function add(root: { value: Json }, path: readonly string[], value: Json): void {
  if (path.length === 0) {
    root.value = value
    return
  }
  const parent = find(root, path.slice(0, -1))
  const last = path[path.length - 1]
  if (Array.isArray(parent)) parent.splice(last === '-' ? parent.length : indexOf(parent, last, path, 0), 0, value)
  else if (isObject(parent)) parent[last] = value
  else throw missing(path)
}

function remove(root: { value: Json }, path: readonly string[]): Json {
  const old = find(root, path)
  const last = path[path.length - 1]
  if (last === undefined) throw bad('cannot remove the whole document')
  const parent = find(root, path.slice(0, -1))
  if (Array.isArray(parent)) parent.splice(Number(last), 1)
  else if (isObject(parent)) delete parent[last]
  return old
}

function clone(value: Json): Json {
  if (Array.isArray(value)) return value.map(clone)
  if (!isObject(value)) return value
  const out: { [key: string]: Json } = Object.create(null) as { [key: string]: Json }
  for (const [k, v] of Object.entries(value)) out[k] = clone(v)
  return out
}

function equal(a: Json, b: Json): boolean {
  if (a instanceof JsonNumber && b instanceof JsonNumber) return Number(a.text) === Number(b.text)
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((v, i) => equal(v, b[i]))
  if (!isObject(a) || !isObject(b)) return a === b
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((k) => Object.hasOwn(b, k) && equal(a[k], b[k]))
}
