/** Service tests: the services of the configuration are really sent to, through the API and the command line. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { TestServer } from './server.js'

const bodies: string[] = []
let target: Server
let url: string
let server: TestServer

beforeAll(async () => {
  target = createServer((req, res) => {
    let body = ''
    req.on('data', (part) => {
      body += part
    })
    req.on('end', () => {
      bodies.push(body)
      res.writeHead(req.url === '/refuse' ? 500 : 200).end('ok')
    })
  }).listen(0, '127.0.0.1')
  await once(target, 'listening')
  url = `http://127.0.0.1:${(target.address() as AddressInfo).port}`
  server = await TestServer.start({
    config: `[[slack]]
enabled = true
url = "${url}/slack"
[[httppost]]
endpoint = "example"
url = "${url}/refuse"
`,
  })
})
afterAll(async () => {
  await server.stop()
  target.close()
})
beforeEach(() => {
  bodies.length = 0
})

const path = '/kapacitor/v1/service-tests'

it('lists what can be tested, with options and their defaults', async () => {
  const { status, body } = await server.json('GET', '/service-tests')
  expect(status).toBe(200)
  expect(body).toMatchObject({
    link: { rel: 'self', href: path },
    services: [
      { name: 'httppost', link: { rel: 'self', href: `${path}/httppost` } },
      { name: 'slack', options: { channel: '', level: 'CRITICAL', message: 'test slack message' } },
    ],
  })
  const slack = await server.json('GET', '/service-tests?pattern=sl*')
  expect((slack.body.services as unknown[]).length).toBe(1)
  expect((await server.json('GET', '/service-tests/slack')).body).toMatchObject({ name: 'slack' })
})

it('sends what it is told', async () => {
  const call = (name: string, body: unknown) => server.json('POST', `/service-tests/${name}`, body)
  expect(await call('slack', null)).toMatchObject({ status: 200, body: { success: true, message: '' } })
  expect(await call('slack', { Channel: '#c', message: 'hello' })).toMatchObject({ body: { success: true } })
  expect(bodies.map((b) => JSON.parse(b))).toMatchObject([
    { attachments: [{ text: 'test slack message', color: 'danger' }] },
    { channel: '#c', attachments: [{ text: 'hello' }] },
  ])
  expect(await call('httppost', null)).toMatchObject({
    status: 200,
    body: { success: false, message: 'POST returned non 2xx status code: code 500: ok' },
  })
  expect(await call('httppost', { endpoint: '', url: `${url}/x`, headers: { a: 'b' } })).toMatchObject({
    body: { success: true },
  })
  expect(await call('slack', { workspace: 'none' })).toMatchObject({
    body: { success: false, message: 'workspace id not found' },
  })
})

it.each([
  ['GET', '/service-tests/nope', undefined, 404, 'service "nope" not found'],
  ['POST', '/service-tests/nope', null, 404, 'service "nope" not found'],
  ['GET', '/service-tests?pattern=[', undefined, 400, 'bad pattern: syntax error in pattern'],
  [
    'POST',
    '/service-tests/slack',
    { channel: 1 },
    400,
    'json: cannot unmarshal number into Go struct field testOptions.channel of type string',
  ],
])('%s %s %j', async (method, where, body, status, error) => {
  expect(await server.json(method, where, body)).toMatchObject({ status, body: { error } })
})

it('the command line shows the results', async () => {
  expect(await server.runCli(['list', 'service-tests'])).toEqual({
    code: 0,
    stdout: 'Service Name\nhttppost\nslack\n',
    stderr: '',
  })
  const { stdout } = await server.runCli(['service-tests', 'slack', 'http*'])
  expect(stdout).toBe(
    'Service             Success   Message\n' +
      'slack               true      \n' +
      'httppost            false     POST returned non 2xx status code: code 500: ok\n',
  )
  expect(await server.runCli(['service-tests'])).toMatchObject({ code: 2 })
})
