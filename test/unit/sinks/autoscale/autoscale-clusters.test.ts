/** The clusters' APIs, served by real HTTP servers that behave as the real ones do. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { evaluateScript } from '../../../../src/compile/evaluate-script.js'
import type { FrameOrigin } from '../../../../src/engine/engine-api.js'
import { HttpClient } from '../../../../src/net/http-client.js'
import { noTls } from '../../../../src/net/tls-files.js'
import type { Resource, ScaleAnswer, ScaleCall } from '../../../../src/operators/outside/autoscale.js'
import { planTask } from '../../../../src/plan/plan.js'
import type { TaskPlan } from '../../../../src/plan/task-plan.js'
import type { ScaleCluster } from '../../../../src/sinks/autoscale/autoscale-api.js'
import { AutoscaleClusters } from '../../../../src/sinks/autoscale/autoscale-clusters.js'
import { Ec2Cluster, signedHeaders } from '../../../../src/sinks/autoscale/autoscale-ec2.js'
import { K8sCluster } from '../../../../src/sinks/autoscale/autoscale-k8s.js'
import { AutoscaleSink } from '../../../../src/sinks/autoscale/autoscale-sink.js'
import { SwarmCluster } from '../../../../src/sinks/autoscale/autoscale-swarm.js'
import { Out } from '../../../../src/transport/output.js'

interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

const http = new HttpClient()
afterAll(() => http.close())

let server: Server
let url: string
let seen: Seen[]
let serve: (req: Seen, res: ServerResponse) => void

beforeEach(async () => {
  seen = []
  serve = (_req, res) => res.writeHead(500).end('not expected')
  server = createServer((req, res) => {
    let body = ''
    req.setEncoding('utf8')
    req.on('data', (part: string) => {
      body += part
    })
    req.on('end', () => {
      const one = { method: req.method ?? '', url: req.url ?? '', headers: req.headers, body }
      seen.push(one)
      serve(one, res)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const json = (res: ServerResponse, body: unknown, status = 200): void => {
  res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}
const never = (): AbortSignal => AbortSignal.timeout(20_000)
const resource = (name: string, kind = '', namespace = ''): Resource => ({ name, kind, namespace })
const dead = 'http://127.0.0.1:1'

describe('Kubernetes', () => {
  /** The scale subresource: a put with another version than the stored one is a conflict. */
  function scales(path: string, replicas: number): { replicas: number; version: number } {
    const state = { replicas, version: 7 }
    serve = (req, res) => {
      if (req.url !== path) return json(res, { kind: 'Status', message: `not found: ${req.url}` }, 404)
      if (req.method === 'PUT') {
        const scale = JSON.parse(req.body) as { metadata: { resourceVersion: string }; spec: { replicas: number } }
        if (scale.metadata.resourceVersion !== String(state.version)) return json(res, { message: 'conflict' }, 409)
        state.replicas = scale.spec.replicas
        state.version++
      }
      const spec = state.replicas === 0 ? {} : { replicas: state.replicas }
      json(res, {
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        metadata: { name: 'api', resourceVersion: String(state.version) },
        spec,
      })
    }
    return state
  }

  const open = (servers = [`${url}/`]): ScaleCluster =>
    new K8sCluster({ inCluster: false, apiServers: servers, token: 'secret', caPath: '' }, http)

  it.each([
    ['deployments', '/apis/apps/v1/namespaces/prod/deployments/api/scale'],
    ['replicasets', '/apis/apps/v1/namespaces/prod/replicasets/api/scale'],
    ['replicationcontrollers', '/api/v1/namespaces/prod/replicationcontrollers/api/scale'],
  ])('scales %s', async (kind, path) => {
    const state = scales(path, 3)
    const cluster = open()
    expect(await cluster.get(resource('api', kind, 'prod'), never())).toBe(3)
    await cluster.set(resource('api', kind, 'prod'), 5, never())
    expect(state).toEqual({ replicas: 5, version: 8 })
    expect(seen[0].headers.authorization).toBe('Bearer secret')
  })

  it('reads a count that is left out as zero', async () => {
    scales('/apis/apps/v1/namespaces/default/deployments/api/scale', 0)
    expect(await open().get(resource('api', 'deployments', 'default'), never())).toBe(0)
  })

  it('gives the message of a refusal', async () => {
    scales('/x', 1)
    await expect(open().get(resource('a/b', 'deployments', 'default'), never())).rejects.toThrow(
      'GET scale of deployments default/a/b: status 404: not found: /apis/apps/v1/namespaces/default/deployments/a%2Fb/scale',
    )
  })

  it('tries the next server when one does not answer, and stays with it', async () => {
    scales('/apis/apps/v1/namespaces/default/deployments/api/scale', 3)
    const cluster = open([dead, url])
    for (let i = 0; i < 3; i++) expect(await cluster.get(resource('api', 'deployments', 'default'), never())).toBe(3)
    await expect(open([dead, dead]).get(resource('api', 'deployments', 'default'), never())).rejects.toThrow(
      'connection refused',
    )
  })

  it('needs a cluster around it when told so', () => {
    const config = { inCluster: true, apiServers: [], token: '', caPath: '' }
    expect(() => new K8sCluster(config, http, {})).toThrow('not running in a Kubernetes cluster')
  })
})

describe('Docker Swarm', () => {
  function services(replicas: number): { replicas: number; version: number; image: string } {
    const state = { replicas, version: 10, image: 'nginx' }
    serve = (req, res) => {
      const { pathname, searchParams } = new URL(req.url, url)
      const spec = {
        Name: 'web',
        TaskTemplate: { Image: state.image },
        Mode: { Replicated: { Replicas: state.replicas } },
      }
      if (req.method === 'GET' && pathname === '/services/web')
        json(res, { ID: 'id1', Version: { Index: state.version }, Spec: spec })
      else if (req.method === 'GET' && pathname === '/services/agent')
        json(res, { ID: 'id2', Spec: { Mode: { Global: {} } } })
      else if (req.method === 'POST' && pathname === '/services/id1/update') {
        if (searchParams.get('version') !== String(state.version))
          return json(res, { message: 'update out of sequence' }, 500)
        const sent = JSON.parse(req.body) as typeof spec
        state.replicas = sent.Mode.Replicated.Replicas
        state.image = sent.TaskTemplate.Image
        state.version++
        json(res, {})
      } else json(res, { message: `service ${pathname.slice(10)} not found` }, 404)
    }
    return state
  }

  const open = (): ScaleCluster => new SwarmCluster({ servers: [url], tls: noTls }, http)

  it('changes the count and nothing else', async () => {
    const state = services(3)
    const cluster = open()
    expect(await cluster.get(resource('web'), never())).toBe(3)
    await cluster.set(resource('web'), 6, never())
    expect(state).toEqual({ replicas: 6, version: 11, image: 'nginx' })
  })

  it('gives the messages of refusals', async () => {
    services(3)
    await expect(open().get(resource('nope'), never())).rejects.toThrow(
      'service nope: status 404: service nope not found',
    )
    await expect(open().get(resource('agent'), never())).rejects.toThrow('service agent is not replicated')
  })
})

describe('EC2', () => {
  const config = { region: 'eu-west-1', accessKey: 'AKID', secretKey: 'secret', profile: '', endpoint: '' }

  it('speaks the query API, signed', async () => {
    let desired = 3
    serve = (req, res) => {
      const p = new URLSearchParams(req.body)
      expect(p.get('Version')).toBe('2011-01-01')
      if (p.get('Action') === 'SetDesiredCapacity') desired = Number(p.get('DesiredCapacity'))
      if (p.get('AutoScalingGroupNames.member.1') === 'nope') {
        res.end('<DescribeAutoScalingGroupsResponse><AutoScalingGroups/></DescribeAutoScalingGroupsResponse>')
      } else
        res.end(
          `<R><AutoScalingGroups><member><DesiredCapacity>${desired}</DesiredCapacity></member></AutoScalingGroups></R>`,
        )
    }
    const cluster = new Ec2Cluster({ ...config, endpoint: url }, http)
    expect(await cluster.get(resource('my group'), never())).toBe(3)
    await cluster.set(resource('my group'), 5, never())
    expect(desired).toBe(5)
    expect(seen[0].headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-west-1\/autoscaling\/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=[0-9a-f]{64}$/,
    )
    await expect(cluster.get(resource('nope'), never())).rejects.toThrow('no auto scaling group "nope"')
  })

  it('gives the message of a refusal', async () => {
    serve = (_req, res) =>
      res.writeHead(403).end('<ErrorResponse><Error><Message>not allowed</Message></Error></ErrorResponse>')
    await expect(new Ec2Cluster({ ...config, endpoint: url }, http).get(resource('g'), never())).rejects.toThrow(
      'DescribeAutoScalingGroups: status 403: not allowed',
    )
  })

  it('finds credentials in the configuration, the environment and profiles', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'aws-'))
    const file = join(dir, 'credentials')
    writeFileSync(
      file,
      '[default]\naws_access_key_id = DEF\naws_secret_access_key = s\n[other]\naws_access_key_id=OTH\naws_secret_access_key=s\naws_session_token=tok\n',
    )
    serve = (_req, res) => res.end('<DesiredCapacity>1</DesiredCapacity>')
    const keyOf = async (more: Partial<typeof config>, env: NodeJS.ProcessEnv): Promise<string> => {
      await new Ec2Cluster({ ...config, accessKey: '', endpoint: url, ...more }, http, env).get(resource('g'), never())
      return /Credential=([A-Z]+)/.exec(seen.at(-1)!.headers.authorization ?? '')![1]
    }
    const env = { AWS_ACCESS_KEY_ID: 'ENV', AWS_SECRET_ACCESS_KEY: 's' }
    try {
      expect(await keyOf({ accessKey: 'CONF' }, env)).toBe('CONF')
      expect(await keyOf({}, env)).toBe('ENV')
      expect(await keyOf({}, { AWS_SHARED_CREDENTIALS_FILE: file })).toBe('DEF')
      expect(await keyOf({ profile: 'other' }, { ...env, AWS_SHARED_CREDENTIALS_FILE: file })).toBe('OTH')
      expect(seen.at(-1)!.headers['x-amz-security-token']).toBe('tok')
      expect(
        () => new Ec2Cluster({ ...config, accessKey: '' }, http, { AWS_SHARED_CREDENTIALS_FILE: join(dir, 'none') }),
      ).toThrow('no AWS credentials found')
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })

  it('signs as the published examples do', async () => {
    const keys = { accessKey: 'AKIDEXAMPLE', secretKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', sessionToken: '' }
    const scope = { region: 'us-east-1', datetime: '20150830T123600Z' }
    const get = { method: 'GET', body: '' }
    const vanilla = await signedHeaders({ ...get, url: 'https://example.amazonaws.com/', headers: {} }, keys, {
      ...scope,
      service: 'service',
    })
    expect(vanilla.authorization).toMatch(/Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31$/)
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' }
    const url = 'https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08'
    const users = await signedHeaders({ ...get, url, headers }, keys, { ...scope, service: 'iam' })
    expect(users.authorization).toMatch(
      /SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7$/,
    )
  })
})

describe('configuration', () => {
  it.each<[string, unknown, string, string]>([
    ['swarmAutoscale', undefined, '', 'unknown cluster ""'],
    ['swarmAutoscale', [{ enabled: false, servers: ['http://x'] }], '', 'unknown cluster ""'],
    ['swarmAutoscale', [{ enabled: true, id: 'a', servers: ['http://x'] }], 'b', 'unknown cluster "b"'],
    ['swarmAutoscale', [{ enabled: true, id: 'a' }], 'a', 'no servers given'],
    ['k8sAutoscale', { enabled: true }, '', 'no API servers given'],
    ['ec2Autoscale', { enabled: true }, '', 'no region given'],
  ])('%s with %j and id %j: %s', (method, section, id, text) => {
    const sections = { swarm: section, kubernetes: section, ec2: section }
    expect(() => new AutoscaleClusters(sections, http).cluster(method, id)).toThrow(text)
  })

  it('takes the only cluster where a script names none', () => {
    const swarm = [{ enabled: true, id: 'a', servers: ['http://x'] }]
    const clusters = new AutoscaleClusters({ swarm }, http)
    expect(clusters.cluster('swarmAutoscale', '')).toBe(clusters.cluster('swarmAutoscale', 'a'))
    const two = new AutoscaleClusters({ swarm: [...swarm, { enabled: true, id: 'b', servers: ['http://x'] }] }, http)
    expect(() => two.cluster('swarmAutoscale', '')).toThrow('unknown cluster ""')
  })
})

describe('AutoscaleSink', () => {
  const plan = (): TaskPlan =>
    planTask(
      evaluateScript(`stream|from()|swarmAutoscale().serviceName('x').cluster('c').replicas(lambda: 1)`, {}).pipeline,
      { taskId: 't', shards: 1 },
    )

  function rig(cluster: ScaleCluster, timeoutMs = 1000) {
    const sink = new AutoscaleSink({ cluster: () => cluster, timeoutMs })
    const answers: ScaleAnswer[] = []
    let arrived = (): void => {}
    const next = (): Promise<void> =>
      new Promise((resolve) => {
        arrived = resolve
      })
    const reply = (_to: FrameOrigin, body: unknown): boolean => {
      answers.push(body as ScaleAnswer)
      arrived()
      return true
    }
    const call = (op: 'get' | 'set', count = 0): void => {
      const body: ScaleCall = { request: 5, op, resource: resource('x'), count }
      sink.onFrame({
        type: Out.Autoscale,
        shard: 0,
        life: 0,
        taskKey: 1,
        taskId: 't',
        nodeIndex: 2,
        payload: Buffer.from(JSON.stringify(body)),
      })
    }
    return { sink, answers, call, next, start: () => sink.start({ key: 1, reply }, sink.prepare(plan())) }
  }

  it('answers with the count, or with the error', async () => {
    const sets: number[] = []
    const r = rig({
      get: () => Promise.resolve(4),
      set: (_r, n) => {
        sets.push(n)
        return Promise.reject(new Error('no'))
      },
    })
    // A call that overtakes the start of its task waits for it.
    r.call('get')
    r.start()
    await r.next()
    r.call('set', 9)
    await r.next()
    expect(r.answers).toEqual([
      { what: 'scale', request: 5, count: 4, error: '' },
      { what: 'scale', request: 5, count: 0, error: 'no' },
    ])
    expect(sets).toEqual([9])
  })

  it('answers after its deadline, whatever the cluster does', async () => {
    serve = () => {}
    const swarm = new SwarmCluster({ servers: [url], tls: noTls }, http)
    const r = rig(swarm, 50)
    r.start()
    r.call('get')
    await r.next()
    expect(r.answers[0].error).toBe(`Get "${url}/services/x": the cluster did not answer in time`)
  })

  it('does not start a task whose cluster is not configured', () => {
    const clusters = new AutoscaleClusters({}, http)
    const sink = new AutoscaleSink({ cluster: (method, id) => clusters.cluster(method, id) })
    expect(() => sink.prepare(plan())).toThrow(
      'cannot use the swarmAutoscale node, could not create swarm client: unknown cluster "c"',
    )
  })

  it('tells a stopped task nothing', async () => {
    let finish = (): void => {}
    const held = new Promise<number>((resolve) => {
      finish = () => resolve(1)
    })
    const r = rig({ get: () => held, set: () => Promise.resolve() })
    r.start()
    r.call('get')
    r.sink.stop(1)
    finish()
    await held
    await new Promise((resolve) => setImmediate(resolve))
    expect(r.answers).toEqual([])
  })
})
