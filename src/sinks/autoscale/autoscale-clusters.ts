/** The clusters that `[[kubernetes]]`, `[[swarm]]` and `[[ec2]]` configure, for the autoscale nodes. Thread: main. */
import { ShardlineError } from '../../errors.js'
import type { HttpClient } from '../../net/http-client.js'
import type { ScaleCluster } from './autoscale-api.js'
import { Ec2Cluster } from './autoscale-ec2.js'
import { K8sCluster } from './autoscale-k8s.js'
import { SwarmCluster } from './autoscale-swarm.js'

type Raw = Readonly<Record<string, unknown>>
type Sections = Readonly<Record<string, unknown>>

/** Sections of the configuration and the clusters made of them, by method of the node. */
const services: Readonly<
  Record<string, { readonly section: string; readonly make: (raw: Raw, http: HttpClient) => ScaleCluster }>
> = {
  k8sAutoscale: {
    section: 'kubernetes',
    make: (raw, http) =>
      new K8sCluster(
        {
          inCluster: flag(raw, 'in-cluster'),
          apiServers: texts(raw, 'api-servers'),
          token: text(raw, 'token'),
          caPath: text(raw, 'ca-path'),
        },
        http,
      ),
  },
  swarmAutoscale: {
    section: 'swarm',
    make: (raw, http) =>
      new SwarmCluster(
        {
          servers: texts(raw, 'servers'),
          tls: {
            ca: text(raw, 'ssl-ca'),
            cert: text(raw, 'ssl-cert'),
            key: text(raw, 'ssl-key'),
            insecureSkipVerify: flag(raw, 'insecure-skip-verify'),
          },
        },
        http,
      ),
  },
  ec2Autoscale: {
    section: 'ec2',
    make: (raw, http) =>
      new Ec2Cluster(
        {
          region: text(raw, 'region'),
          accessKey: text(raw, 'access-key'),
          secretKey: text(raw, 'secret-key'),
          profile: text(raw, 'profile'),
          endpoint: text(raw, 'endpoint'),
        },
        http,
      ),
  },
}

export const autoscaleMethods: readonly string[] = Object.keys(services)

export class AutoscaleClusters {
  private readonly made = new Map<Raw, ScaleCluster>()

  constructor(
    private readonly sections: Sections,
    private readonly http: HttpClient,
  ) {}

  /** The enabled section of this id; '' is the one without an id, or the only one. Throws when there is none. */
  cluster(method: string, id: string): ScaleCluster {
    const { section, make } = services[method]
    const enabled = rawSections(this.sections[section]).filter((s) => flag(s, 'enabled'))
    const found =
      enabled.find((s) => text(s, 'id') === id) ?? (id === '' && enabled.length === 1 ? enabled[0] : undefined)
    if (found === undefined) throw new ShardlineError('no-cluster', `unknown cluster ${JSON.stringify(id)}`)
    let cluster = this.made.get(found)
    if (cluster === undefined) {
      cluster = make(found, this.http)
      this.made.set(found, cluster)
    }
    return cluster
  }
}

function rawSections(v: unknown): Raw[] {
  const list = Array.isArray(v) ? v : v === undefined || v === null ? [] : [v]
  return list.filter((s): s is Raw => typeof s === 'object' && s !== null)
}

const text = (raw: Raw, key: string): string => (typeof raw[key] === 'string' ? raw[key] : '')
const flag = (raw: Raw, key: string): boolean => raw[key] === true || raw[key] === 'true'
const texts = (raw: Raw, key: string): string[] => {
  const v = raw[key]
  return typeof v === 'string' ? [v] : Array.isArray(v) ? v.filter((s): s is string => typeof s === 'string') : []
}
