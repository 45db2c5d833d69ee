/** The configured InfluxDB clusters by name. Thread: main. */
import type { InfluxDBConfig } from '../config/config.js'
import { tlsFiles } from '../config/tls.js'
import { ShardlineError } from '../errors.js'
import type { HttpClient } from '../net/http-client.js'
import { InfluxClient } from './client.js'

function fail(text: string): never {
  throw new ShardlineError('influxdb-config', text)
}

export class InfluxClusters {
  private readonly clients = new Map<string, InfluxClient>()
  /** Name of the cluster used where a script names none. */
  readonly defaultName: string

  /** Throws for a section that cannot be used. Those that are not enabled do not exist. */
  constructor(configs: readonly InfluxDBConfig[], http: HttpClient) {
    const enabled = configs.filter((c) => c.enabled)
    if (enabled.some((c) => c.name === '')) fail('influxdb cluster must be given a name')
    const defaults = enabled.filter((c) => c.default).map((c) => c.name)
    if (defaults.length > 1) fail(`More than one InfluxDB default was specified: ${defaults.join(' ')}`)
    // A single one is the default without saying so.
    this.defaultName = (enabled.find((c) => c.default) ?? (enabled.length === 1 ? enabled[0] : undefined))?.name ?? ''
    for (const c of enabled) {
      const { urls, username, password, timeout: timeoutMs } = c
      const tls = tlsFiles(c)
      this.clients.set(c.name, new InfluxClient({ urls, username, password, timeoutMs, tls }, http))
    }
  }

  /** '' = the default one. Throws when there is none. */
  client(name: string): InfluxClient {
    const wanted = name === '' ? this.defaultName : name
    const client = this.clients.get(wanted)
    if (client === undefined) throw new ShardlineError('no-influxdb', `no such InfluxDB config ${wanted}`)
    return client
  }
}
