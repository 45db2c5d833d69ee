/** Kubernetes through its scale subresource. Thread: main. */
import { ShardlineError } from '../../errors.js'
import type { HttpClient } from '../../net/http-client.js'
import { noTls, type TlsFiles } from '../../net/tls-files.js'
import type { Resource } from '../../operators/outside/autoscale.js'
import { readRegularSync } from '../../regular-file.js'
import { type ApiAnswer, callApi, countOf, objectOf, refused, type ScaleCluster } from './autoscale-api.js'

export interface K8sConfig {
  readonly inCluster: boolean
  /** Tried in turn when one does not answer. */
  readonly apiServers: readonly string[]
  readonly token: string
  readonly caPath: string
}

const accountDir = '/var/run/secrets/kubernetes.io/serviceaccount'

export class K8sCluster implements ScaleCluster {
  private readonly servers: readonly string[]
  private readonly token: string
  private readonly tls: TlsFiles
  private server = 0

  constructor(
    config: K8sConfig,
    private readonly http: HttpClient,
    env: NodeJS.ProcessEnv = process.env,
  ) {
    if (config.inCluster) {
      const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env
      if (!host || !port) throw new ShardlineError('kubernetes', 'not running in a Kubernetes cluster')
      this.servers = [`https://${host.includes(':') ? `[${host}]` : host}:${port}`]
      this.token = readRegularSync(`${accountDir}/token`).toString().trim()
      this.tls = { ...noTls, ca: `${accountDir}/ca.crt` }
      http.checkTls(this.tls)
      return
    }
    if (config.apiServers.length === 0) throw new ShardlineError('kubernetes', 'no API servers given')
    this.servers = config.apiServers.map((s) => s.replace(/\/+$/, ''))
    this.token = config.token
    this.tls = { ...noTls, ca: config.caPath }
    http.checkTls(this.tls)
  }

  async get(resource: Resource, signal: AbortSignal): Promise<number> {
    return replicasOf(await this.scale('GET', resource, '', signal))
  }

  async set(resource: Resource, count: number, signal: AbortSignal): Promise<void> {
    // The version that was read goes back with it: a change in between is refused, not overwritten.
    const scale = await this.scale('GET', resource, '', signal)
    const spec = typeof scale.spec === 'object' ? scale.spec : {}
    await this.scale('PUT', resource, JSON.stringify({ ...scale, spec: { ...spec, replicas: count } }), signal)
  }

  private async scale(
    method: 'GET' | 'PUT',
    resource: Resource,
    body: string,
    signal: AbortSignal,
  ): Promise<Record<string, unknown>> {
    const { namespace, kind, name } = resource
    const group = kind === 'replicationcontrollers' ? '/api/v1' : '/apis/apps/v1'
    const path = [group, 'namespaces', namespace, kind, name, 'scale'].map((p, i) =>
      i === 0 ? p : encodeURIComponent(p),
    )
    const answer = await this.call(method, path.join('/'), body, signal)
    const what = `${method} scale of ${kind} ${namespace}/${name}`
    if (answer.status < 200 || answer.status > 299) throw refused(what, answer)
    return objectOf(what, answer)
  }

  private async call(method: 'GET' | 'PUT', path: string, body: string, signal: AbortSignal): Promise<ApiAnswer> {
    const headers: Record<string, string> = { Accept: 'application/json' }
    if (this.token !== '') headers.Authorization = `Bearer ${this.token}`
    if (body !== '') headers['Content-Type'] = 'application/json'
    const { tls } = this
    for (let tries = 1; ; tries++) {
      try {
        const url = this.servers[this.server] + path
        return await callApi(this.http, { method, url, headers, body: body || undefined, tls, signal })
      } catch (err) {
        if (signal.aborted || tries >= this.servers.length) throw err
        this.server = (this.server + 1) % this.servers.length
      }
    }
  }
}

function replicasOf(scale: Record<string, unknown>): number {
  return countOf('scale', (scale.spec as { replicas?: unknown } | undefined)?.replicas)
}
