/** A real HTTP server on a free loopback port, per implementation; and requests that reach it byte for byte. */
import { createConnection } from 'node:net'
import { Api, type ApiSettings } from '../../../src/http/api.js'
import type { HttpServer } from '../../../src/http/http.js'
import { startHttpServer } from '../../../src/http/http-server.js'
import { loadUws } from '../../../src/http/uws-adapter.js'
import { silentLog } from '../../../src/log.js'

/** µWebSockets.js has binaries up to Node 20; where it does not load only node:http is left to test. */
export const implementations: readonly ('uws' | 'node')[] = loadUws().library === undefined ? ['node'] : ['uws', 'node']

export const openSettings: ApiSettings = {
  auth: { enabled: false, sharedSecret: '' },
  logEnabled: false,
  openDebug: false,
}

export interface Served {
  readonly api: Api
  readonly http: HttpServer
  readonly url: string
}

export async function serve(
  server: 'uws' | 'node',
  prepare: (api: Api) => void,
  options: { settings?: Partial<ApiSettings>; maxBodyBytes?: number; bodyTimeoutMs?: number } = {},
): Promise<Served> {
  const api = new Api({ ...openSettings, ...options.settings }, silentLog)
  prepare(api)
  const http = await startHttpServer(
    {
      server,
      host: '127.0.0.1',
      port: 0,
      body: { hardLimitBytes: options.maxBodyBytes ?? 1 << 20, timeoutMs: options.bodyTimeoutMs ?? 60_000 },
    },
    api.handle,
    silentLog,
  )
  return { api, http, url: `http://127.0.0.1:${http.port}` }
}

/** Sends raw bytes and gives everything that comes back until the server closes or the reply is complete. */
export function rawRequest(port: number, text: string, isComplete: (reply: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let reply = ''
    const socket = createConnection(port, '127.0.0.1', () => socket.write(text))
    socket.setTimeout(5000, () => socket.destroy(new Error(`no complete reply: ${JSON.stringify(reply)}`)))
    socket.on('data', (chunk) => {
      reply += chunk.toString()
      if (isComplete(reply)) socket.end()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(reply))
  })
}

export const headComplete = (reply: string): boolean => reply.includes('\r\n\r\n')
