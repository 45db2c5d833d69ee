/** Kubernetes through its scale subresource. Thread: main. */
import { readFileSync } from 'node:fs'
import { ShardlineError } from '../errors.js'
import type { Resource } from '../operators/autoscale.js'
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
  private readonly ca: string
  private server = 0

  constructor(config: K8sConfig, env: NodeJS.ProcessEnv = process.env) {
    if (config.inCluster) {
      const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env
      if (!host || !port) throw new ShardlineError('kubernetes', 'not running in a Kubernetes cluster', 500)
      this.servers = [`https://${host.includes(':') ? `[${host}]` : host}:${port}`]
      this.token = readFileSync(`${accountDir}/token`, 'utf8').trim()
      this.ca = `${accountDir}/ca.crt`
      return
    }
    if (config.apiServers.length === 0) throw new ShardlineError('kubernetes', 'no API servers given', 500)
    this.servers = config.apiServers.map((s) => s.replace(/\/+$/, ''))
    this.token = config.token
    this.ca = config.caPath
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
    method: string,
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

  private async call(method: string, path: string, body: string, signal: AbortSignal): Promise<ApiAnswer> {
    const headers: Record<string, string> = { Accept: 'application/json' }
    if (this.token !== '') headers.Authorization = `Bearer ${this.token}`
    if (body !== '') headers['Content-Type'] = 'application/json'
    const tls = { ca: this.ca, cert: '', key: '', insecureSkipVerify: false }
    for (let tries = 1; ; tries++) {
      try {
        return await callApi(method, this.servers[this.server] + path, headers, body, tls, signal)
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
