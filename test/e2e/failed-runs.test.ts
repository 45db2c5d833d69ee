/** A task that has failed and is started again at once, while what its old run has sent out is still on its way. */
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TestServer, taskBody } from './server.js'

let server: TestServer
let endpoint: Server
let url: string
const bodies: string[] = []
/** Answers that are held back; null: none is. */
let held: ServerResponse[] | null = []

function release(): void {
  for (const res of held ?? []) res.end()
  held = null
}

beforeAll(async () => {
  endpoint = createServer((req, res) => {
    let body = ''
    req.setEncoding('utf8').on('data', (part: string) => {
      body += part
    })
    req.on('end', () => {
      bodies.push(body)
      if (held === null) res.end()
      else held.push(res)
    })
  }).listen(0, '127.0.0.1')
  await once(endpoint, 'listening')
  const address = endpoint.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  url = `http://127.0.0.1:${address.port}`
  server = await TestServer.start({ shards: 2 })
})
afterAll(async () => {
  release()
  await server.stop()
  endpoint.closeAllConnections()
  endpoint.close()
})

it('has its pages, topics and handlers again, all of them the new run’s', async () => {
  const script = `stream
    |from().measurement('m').groupBy('t')
    |httpOut('page')
    |alert()
        .id('{{ index .Tags "t" }}')
        .message('{{ if eq (index .Tags "t") "bad" }}{{ index .Level 99 }}{{ end }}it is {{ .Level }}')
        .crit(lambda: "v" > 5.0)
        .post('${url}')`
  expect((await server.json('POST', '/tasks', taskBody('task', { script }))).status).toBe(200)
  await server.write('m,t=a v=9 1')
  await server.until(() => held?.length === 1 || undefined, 'the first post')
  await server.write('m,t=bad v=9 2')
  await server.until(async () => {
    const { body } = await server.json('GET', '/tasks/task')
    return (body.executing === false && String(body.error).includes('index')) || undefined
  }, 'the failure')

  const patch = (status: string) => server.json('PATCH', '/tasks/task', { status })
  const restarting = patch('disabled').then(() => patch('enabled'))
  // The old run's post is given time to be in the way of the new run, which is right to wait for it.
  await Promise.race([restarting, sleep(500)])
  release()
  expect((await restarting).status).toBe(200)

  await server.write('m,t=b v=9 3')
  await server.until(() => bodies.some((b) => b.includes('"id":"b"')) || undefined, 'the alert of the new run')
  const page = await server.json('GET', '/tasks/task/page')
  expect(JSON.stringify(page.body)).toContain('"t":"b"')
  const { body } = await server.json('GET', '/tasks/task')
  expect(body).toMatchObject({ executing: true, error: '' })
  const stats = (body.stats as Record<string, Record<string, Record<string, number>>>)['node-stats']
  expect(stats.alert3).toMatchObject({ alerts_triggered: 1, crits_triggered: 1 })
  const topics = await server.json('GET', '/alerts/topics?pattern=main:task:*')
  expect(topics.body.topics).toMatchObject([{ id: 'main:task:alert3', level: 'CRITICAL', collected: 1 }])
})
