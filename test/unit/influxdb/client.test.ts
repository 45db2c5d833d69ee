import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { InfluxClient, type InfluxClientOptions, InfluxError } from '../../../src/influxdb/client.js'
import { quoteIdent } from '../../../src/influxql/ident.js'
import { HttpClient } from '../../../src/net/http-client.js'
import { noTls } from '../../../src/net/tls-files.js'
import { FakeInfluxDB } from './fake-influxdb.js'

const http = new HttpClient()
afterAll(() => http.close())

let fake: FakeInfluxDB
let client: InfluxClient

beforeEach(async () => {
  fake = await FakeInfluxDB.start()
})
afterEach(async () => {
  await fake.close()
})

function open(options: Partial<InfluxClientOptions> = {}): InfluxClient {
  client = new InfluxClient({ ...clientOptions(), ...options }, http)
  return client
}

const write = { db: 'd b', rp: 'my rp', consistency: '', precision: 'ns', body: Buffer.from('m v=1 1\n') }

async function failureOf(promise: Promise<unknown>): Promise<InfluxError> {
  const err = await promise.then(
    () => undefined,
    (e: unknown) => e,
  )
  expect(err).toBeInstanceOf(InfluxError)
  return err as InfluxError
}

describe('InfluxClient', () => {
  it('writes with all four parameters, on connections that it keeps', async () => {
    open()
    for (let i = 0; i < 20; i++) await client.write(write)
    expect(fake.writes).toHaveLength(20)
    expect(fake.writes[0].query).toEqual({ consistency: '', db: 'd b', precision: 'ns', rp: 'my rp' })
    expect(fake.writes[0].headers['content-type']).toBe('application/octet-stream')
    expect(fake.writes[0].headers.authorization).toBeUndefined()
    expect(fake.writes[0].headers['content-encoding']).toBeUndefined()
    expect(fake.connections.size).toBeLessThanOrEqual(2)
  })

  it('authenticates', async () => {
    await open({ username: 'u', password: 'p:w' }).write(write)
    expect(fake.writes[0].headers.authorization).toBe(`Basic ${Buffer.from('u:p:w').toString('base64')}`)
  })

  it('takes turns between URLs, beginning with the second, and does not retry', async () => {
    const dead = 'http://127.0.0.1:1'
    open({ urls: [dead, fake.url] })
    await client.write(write)
    expect(await failureOf(client.write(write))).toMatchObject({ influxStatus: 0, transient: true })
    await client.write(write)
    expect(fake.requests).toBe(2)
  })

  it('keeps the path of a URL', async () => {
    fake.before = (req, res) => {
      res.writeHead(204, { 'X-Influxdb-Version': String(req.url) }).end()
      return true
    }
    expect(await open({ urls: [`${fake.url}/proxy`] }).ping()).toBe('/proxy/ping')
    expect(await open({ urls: [fake.url] }).ping()).toBe('/ping')
  })

  it('times out', async () => {
    fake.before = () => true
    const err = await failureOf(open({ timeoutMs: 50 }).ping())
    expect(err.message).toBe(`Get "${fake.url}/ping": context deadline exceeded (no answer within 50 ms)`)
    expect(err.transient).toBe(true)
  })

  it('ends when its signal does', async () => {
    fake.before = () => true
    const abort = new AbortController()
    const failure = failureOf(open().write(write, abort.signal))
    abort.abort()
    expect((await failure).influxStatus).toBe(0)
  })

  it.each([
    [400, '{"error":"bad"}', 'bad', false],
    [404, '{"error":"database not found: \\"d\\""}', 'database not found: "d"', false],
    [503, '{"error":"timeout"}', 'timeout', true],
    [429, '{}', 'invalid response: code 429: body: {}', true],
    [500, '', 'invalid response: code 500: body: ', true],
    [401, '{"error":""}', 'invalid response: code 401: body: {"error":""}', false],
  ])('status %d with %j', async (status, body, message, transient) => {
    fake.before = (_req, res) => {
      res.writeHead(status).end(body)
      return true
    }
    expect(await failureOf(open().write(write))).toMatchObject({ message, transient, influxStatus: status })
  })

  it('creates databases', async () => {
    open()
    await client.createDatabase('db1', '')
    await client.createDatabase('newdb', 'my rp')
    expect(fake.statements).toEqual(['CREATE DATABASE db1', 'CREATE DATABASE newdb WITH NAME "my rp"'])
  })

  it('gives the error inside of an answer', async () => {
    fake.before = (_req, res) => {
      res.end('{"results":[{"statement_id":0,"error":"no"}]}')
      return true
    }
    expect((await failureOf(open().statement('X'))).message).toBe('no')
  })

  it.each([
    [{ urls: [] }, 'must specify at least one InfluxDB URL'],
    [{ urls: ['ftp://x'] }, 'invalid URL scheme "ftp", must be http or https'],
    [{ urls: ['x'] }, 'invalid URL "x"'],
    [{ tls: { ...noTls, cert: '/c' } }, 'Must provide both key and cert files: only cert file provided.'],
    [{ tls: { ...noTls, key: '/k' } }, 'Must provide both key and cert files: only key file provided.'],
  ])('refuses %j', (options, message) => {
    open()
    expect(() => new InfluxClient({ ...clientOptions(), ...options }, http)).toThrow(message)
  })
})

const clientOptions = (): InfluxClientOptions => ({
  urls: [fake.url],
  username: '',
  password: '',
  timeoutMs: 0,
  tls: noTls,
})

describe('quoteIdent', () => {
  it.each([
    ['abc_1', 'abc_1'],
    ['1a', '"1a"'],
    ['', '""'],
    ['a b', '"a b"'],
    ['select', '"select"'],
    ['a"b\\c\nd', '"a\\"b\\\\c\\nd"'],
  ])('%j', (name, quoted) => {
    open()
    expect(quoteIdent(name)).toBe(quoted)
  })
})
