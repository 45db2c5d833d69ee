/** Chooses the HTTP implementation and listens. Thread: main. */
import type { Log } from '../log.js'
import type { BodyLimits } from './body-reader.js'
import type { Handler, HttpServer, ListenOptions, TlsFiles } from './http.js'
import { listenNode } from './node-adapter.js'
import { listenUws, loadUws } from './uws-adapter.js'

export interface HttpSettings {
  readonly server: 'uws' | 'node'
  readonly host: string
  readonly port: number
  readonly tls?: TlsFiles
  readonly body: BodyLimits
}

export async function startHttpServer(settings: HttpSettings, handler: Handler, log: Log): Promise<HttpServer> {
  const options: ListenOptions = {
    host: settings.host,
    port: settings.port,
    body: settings.body,
    log,
    ...(settings.tls === undefined ? {} : { tls: settings.tls }),
  }
  if (settings.server === 'uws' && !needsNode(settings.tls)) {
    const uws = loadUws()
    if (uws.library !== undefined) return listenUws(uws.library, handler, options)
    log.info('uWebSockets.js does not load, using node:http', { reason: uws.reason })
  }
  return listenNode(handler, options)
}

/** Protocol versions cannot be chosen with µWebSockets.js. */
function needsNode(tls: TlsFiles | undefined): boolean {
  return tls !== undefined && (tls.minVersion !== '' || tls.maxVersion !== '')
}
