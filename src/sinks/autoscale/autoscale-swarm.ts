/** Docker Swarm through the engine's services API. Thread: main. */
import { ShardlineError } from '../../errors.js'
import type { HttpClient } from '../../net/http-client.js'
import type { TlsFiles } from '../../net/tls-files.js'
import type { Resource } from '../../operators/outside/autoscale.js'
import { callApi, countOf, objectOf, refused, type ScaleCluster } from './autoscale-api.js'

export interface SwarmConfig {
  /** Tried in turn when one does not answer. */
  readonly servers: readonly string[]
  readonly tls: TlsFiles
}

interface Service {
  readonly ID?: string
  readonly Version?: { readonly Index?: number }
  readonly Spec?: { readonly Mode?: { readonly Replicated?: { readonly Replicas?: number } } }
}

export class SwarmCluster implements ScaleCluster {
  private readonly servers: readonly string[]
  private server = 0

  constructor(
    private readonly config: SwarmConfig,
    private readonly http: HttpClient,
  ) {
    if (config.servers.length === 0) throw new ShardlineError('swarm', 'no servers given')
    http.checkTls(config.tls)
    this.servers = config.servers.map((s) => s.replace(/\/+$/, ''))
  }

  async get(resource: Resource, signal: AbortSignal): Promise<number> {
    const service = await this.service(resource.name, signal)
    return countOf(`service ${resource.name}`, replicated(service, resource.name).Replicas)
  }

  async set(resource: Resource, count: number, signal: AbortSignal): Promise<void> {
    const { name } = resource
    const service = await this.service(name, signal)
    const mode = { ...service.Spec?.Mode, Replicated: { ...replicated(service, name), Replicas: count } }
    const path = `/services/${encodeURIComponent(service.ID ?? name)}/update?version=${service.Version?.Index ?? 0}`
    await this.call('POST', path, JSON.stringify({ ...service.Spec, Mode: mode }), `update of service ${name}`, signal)
  }

  private async service(name: string, signal: AbortSignal): Promise<Service> {
    return this.call('GET', `/services/${encodeURIComponent(name)}`, '', `service ${name}`, signal)
  }

  private async call(
    method: 'GET' | 'POST',
    path: string,
    body: string,
    what: string,
    signal: AbortSignal,
  ): Promise<Record<string, unknown>> {
    const headers: Record<string, string> = body === '' ? {} : { 'Content-Type': 'application/json' }
    for (let tries = 1; ; tries++) {
      try {
        const url = this.servers[this.server] + path
        const { tls } = this.config
        const answer = await callApi(this.http, { method, url, headers, body: body || undefined, tls, signal })
        if (answer.status < 200 || answer.status > 299) throw refused(what, answer)
        return method === 'GET' ? objectOf(what, answer) : {}
      } catch (err) {
        if (signal.aborted || tries >= this.servers.length) throw err
        this.server = (this.server + 1) % this.servers.length
      }
    }
  }
}

function replicated(service: Service, name: string): { readonly Replicas?: number } {
  const mode = service.Spec?.Mode?.Replicated
  if (mode === undefined) throw new ShardlineError('swarm', `service ${name} is not replicated`)
  return mode
}
