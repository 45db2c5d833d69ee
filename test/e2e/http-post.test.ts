/** httpPost to a configured endpoint: address, headers, credentials and row template come from the configuration. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TestServer, taskBody } from './server.js'

const requests: { url: string; headers: IncomingHttpHeaders; body: string }[] = []
let target: Server
let server: TestServer

beforeAll(async () => {
  target = createServer((req, res) => {
    let body = ''
    req.setEncoding('utf8').on('data', (part: string) => {
      body += part
    })
    req.on('end', () => {
      requests.push({ url: req.url ?? '', headers: req.headers, body })
      res.end()
    })
  }).listen(0, '127.0.0.1')
  await once(target, 'listening')
  const address = target.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  server = await TestServer.start({
    config: `
[[httppost]]
endpoint = "rows"
url = "http://127.0.0.1:${address.port}/in/{{ .Name }}"
headers = { "X-Team" = "ops" }
basic-auth = { username = "u", password = "p" }
row-template = '{{ .Name }} {{ index .Tags "host" }}{{ range .Values }} v={{ index . "v" }}{{ end }}'
`,
  })
})

afterAll(async () => {
  target.close()
  await server.stop()
})

it('rows are posted as the endpoint of the configuration says', async () => {
  const script = "stream|from().measurement('m').groupBy('host')|httpPost().endpoint('rows').header('X-More', '1')"
  expect((await server.json('POST', '/tasks', taskBody('rows', { script }))).status).toBe(200)
  await server.write('m,host=a v=1.5 1500001200')
  await server.until(() => (requests.length > 0 ? true : undefined), 'the post')
  expect(requests).toHaveLength(1)
  const [{ url, headers, body }] = requests
  expect(url).toBe('/in/m')
  expect(body).toBe('m a v=1.5')
  expect(headers).toMatchObject({
    'x-team': 'ops',
    'x-more': '1',
    authorization: `Basic ${Buffer.from('u:p').toString('base64')}`,
  })
  expect(headers['content-type']).toBeUndefined()
})
