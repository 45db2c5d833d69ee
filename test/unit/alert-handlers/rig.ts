/** What tests of handlers share: handlers as scripts make them, sections as the configuration gives them, a server to post to. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { stringify } from 'smol-toml'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { eventJson } from '../../../src/alert-handlers/event-frame.js'
import type { AlertHandler } from '../../../src/alert-handlers/handler.js'
import {
  checkSections,
  createScriptHandler,
  type HandlerParts,
  handlerSections,
} from '../../../src/alert-handlers/registry.js'
import type { Services } from '../../../src/config/config.js'
import { parseConfig } from '../../../src/config/load.js'
import { HttpClient } from '../../../src/net/http-client.js'
import { delivery, type EventParts, event, TestLog } from '../alerts/events.js'

/** Sections by name, as the server reads them. Throws what keeps it from starting. */
export function services(sections: Readonly<Record<string, unknown>>): Services {
  const { config } = parseConfig(stringify(sections), {}, handlerSections)
  checkSections(config.services)
  return config.services
}

export const noServices = services({})

export type Props = Readonly<Record<string, unknown>>

export const signal = (): AbortSignal => AbortSignal.timeout(20_000)

/** The line of JSON of the event that `delivery()` makes. */
export const line = eventJson(event(), 0)

/** Makes handlers; their connections end with the file's tests. */
export function useHandlers(): {
  readonly parts: HandlerParts
  make(kind: string, props: Props, given?: Services): AlertHandler
  send(kind: string, props: Props, given?: Services, parts?: EventParts): Promise<void>
} {
  const http = new HttpClient()
  afterAll(() => http.close())
  const parts: HandlerParts = { services: noServices, http, log: new TestLog(), vars: new Map(), collect: () => true }
  const make = (kind: string, props: Props, given = noServices) =>
    createScriptHandler(kind, props, { ...parts, services: given })
  return {
    parts,
    make,
    send: (kind, props, given, event) => make(kind, props, given).deliver([delivery(event)], signal(), () => {}),
  }
}

export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/**
 * A server that keeps the requests of one test. It answers with the status that the path begins with, `/404/x`, and with an
 * error of Slack where the path says `error`; `/hang` is never answered.
 */
export function useServer(): { readonly url: string; readonly requests: SeenRequest[] } {
  const requests: SeenRequest[] = []
  const server = createServer((req, res) => {
    const { method = '', url = '', headers } = req
    let body = ''
    req.on('data', (part) => {
      body += part
    })
    req.on('end', () => {
      requests.push({ method, url, headers, body })
      if (url === '/hang') return
      res.statusCode = Number(/^\/(\d{3})/.exec(url)?.[1] ?? 200)
      res.end(url.includes('error') ? '{"error":"channel_not_found"}' : 'answer text')
    })
  })
  let port = 0
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  beforeEach(() => {
    requests.length = 0
  })
  return {
    get url() {
      return `http://127.0.0.1:${port}`
    },
    requests,
  }
}
