// Copies templates, tasks and topic handlers from one server to another over the HTTP API that Kapacitor and Shardline share.
//   npm run build && node scripts/copy-tasks.mjs http://old:9092 http://localhost:9092 [--enable]
// Tasks arrive disabled unless --enable is given: two servers that run the same tasks would alert twice. What exists already at
// the destination is left alone. Data of the old server is only read.
import { goJson } from '../dist/src/columns/json-encode.js'
import { exactJson, parseLosslessJson } from '../dist/src/go/lossless-json.js'

const [from, to, ...flags] = process.argv.slice(2)
if (from === undefined || to === undefined || flags.some((f) => f !== '--enable')) {
  console.error('usage: node scripts/copy-tasks.mjs OLD-URL NEW-URL [--enable]')
  process.exit(2)
}
const base = (url) => `${url.replace(/\/+$/, '')}/kapacitor/v1`
let failed = 0

async function read(path) {
  const reply = await fetch(base(from) + path)
  const text = await reply.text()
  if (!reply.ok) throw new Error(`${from}${path}: ${reply.status} ${text.trim()}`)
  // Integers beyond 2^53 stay what they are.
  return exactJson(parseLosslessJson(text))
}

/** All items of a list, page by page. */
async function* list(path, member) {
  const limit = 100
  for (let offset = 0; ; offset += limit) {
    const separator = path.includes('?') ? '&' : '?'
    const page = (await read(`${path}${separator}offset=${offset}&limit=${limit}`))[member] ?? []
    yield* page
    if (page.length < limit) return
  }
}

async function create(what, path, body) {
  const there = await fetch(`${base(to)}${path}/${encodeURIComponent(body.id)}`)
  if (there.ok) {
    console.log(`${what}: exists already`)
    return
  }
  const reply = await fetch(base(to) + path, { method: 'POST', body: goJson(body) })
  const answer = await reply.text()
  if (!reply.ok) failed++
  let error = answer
  try {
    error = JSON.parse(answer).error
  } catch (err) {
    if (!(err instanceof SyntaxError)) throw err
  }
  console.log(`${what}: ${reply.ok ? 'copied' : `refused, ${error}`}`)
}

/** The members of `item` that are there and not empty. */
function pick(item, names) {
  const empty = (v) =>
    v === undefined || v === null || v === '' || (typeof v === 'object' && Object.keys(v).length === 0)
  return Object.fromEntries(names.filter((n) => !empty(item[n])).map((n) => [n, item[n]]))
}

try {
  const raw = 'script-format=raw'
  for await (const t of list(`/templates?${raw}`, 'templates')) {
    await create(`template ${t.id}`, '/templates', pick(t, ['id', 'type', 'script', 'vars']))
  }
  for await (const { id } of list('/tasks?fields=status', 'tasks')) {
    const t = await read(`/tasks/${encodeURIComponent(id)}?${raw}`)
    const body = pick(t, ['id', 'type', 'dbrps', 'template-id', 'vars'])
    if (body['template-id'] === undefined) body.script = t.script
    // A task's database may stand in its script, and must not be given twice.
    if (/^\s*dbrp\s/m.test(t.script)) delete body.dbrps
    body.status = flags.includes('--enable') ? t.status : 'disabled'
    await create(`task ${t.id}`, '/tasks', body)
  }
  for (const topic of (await read('/alerts/topics')).topics ?? []) {
    const path = `/alerts/topics/${encodeURIComponent(topic.id)}/handlers`
    for (const h of (await read(path)).handlers ?? []) {
      await create(`handler ${topic.id}/${h.id}`, path, pick(h, ['id', 'kind', 'options', 'match']))
    }
  }
} catch (err) {
  console.error(
    err instanceof Error ? (err.cause instanceof Error ? `${err.message}: ${err.cause.message}` : err.message) : err,
  )
  process.exit(1)
}
process.exit(failed > 0 ? 1 : 0)
