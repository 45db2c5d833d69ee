/** Auto scaling groups of EC2 through the query API of the AWS Auto Scaling service. Thread: main. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { AwsV4Signer } from 'aws4fetch'
import { errorText, ShardlineError } from '../../errors.js'
import type { HttpClient } from '../../net/http-client.js'
import type { Resource } from '../../operators/outside/autoscale.js'
import { readRegularSync } from '../../regular-file.js'
import { callApi, type ScaleCluster } from './autoscale-api.js'

export interface Ec2Config {
  readonly region: string
  /** '' = from the profile or the environment. */
  readonly accessKey: string
  readonly secretKey: string
  readonly profile: string
  /** '' = that of the region. */
  readonly endpoint: string
}

export interface AwsCredentials {
  readonly accessKey: string
  readonly secretKey: string
  /** '' = long-term credentials. */
  readonly sessionToken: string
}

export class Ec2Cluster implements ScaleCluster {
  private readonly url: URL
  private readonly credentials: AwsCredentials

  constructor(
    private readonly config: Ec2Config,
    private readonly http: HttpClient,
    env: NodeJS.ProcessEnv = process.env,
  ) {
    if (config.region === '') throw new ShardlineError('ec2', 'no region given')
    this.url = new URL(config.endpoint || `https://autoscaling.${config.region}.amazonaws.com/`)
    this.credentials = credentialsOf(config, env)
  }

  async get(resource: Resource, signal: AbortSignal): Promise<number> {
    const { name } = resource
    const text = await this.call(
      { Action: 'DescribeAutoScalingGroups', 'AutoScalingGroupNames.member.1': name },
      signal,
    )
    const count = /<DesiredCapacity>(\d+)<\/DesiredCapacity>/.exec(text)?.[1]
    if (count === undefined) throw new ShardlineError('ec2', `no auto scaling group ${JSON.stringify(name)}`)
    return Number(count)
  }

  async set(resource: Resource, count: number, signal: AbortSignal): Promise<void> {
    const { name } = resource
    await this.call(
      { Action: 'SetDesiredCapacity', AutoScalingGroupName: name, DesiredCapacity: String(count) },
      signal,
    )
  }

  private async call(params: Readonly<Record<string, string>>, signal: AbortSignal): Promise<string> {
    const body = new URLSearchParams({ ...params, Version: '2011-01-01' }).toString()
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' }
    const request = { method: 'POST', url: this.url.href, headers, body } as const
    const sent = await signedHeaders(request, this.credentials, { region: this.config.region, service: 'autoscaling' })
    const { status, text } = await callApi(this.http, { ...request, headers: sent, signal })
    if (status === 200) return text
    const message = /<Message>([^<]*)<\/Message>/.exec(text)?.[1] ?? text.slice(0, 500)
    throw new ShardlineError('ec2', `${params.Action}: status ${status}: ${message}`)
  }
}

export interface AwsRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The headers to send, with the signature (version 4) over all of them. */
export async function signedHeaders(
  request: AwsRequest,
  { accessKey: accessKeyId, secretKey: secretAccessKey, sessionToken }: AwsCredentials,
  scope: { readonly region: string; readonly service: string; readonly datetime?: string },
): Promise<Record<string, string>> {
  const keys = { accessKeyId, secretAccessKey, sessionToken }
  const { headers } = await new AwsV4Signer({ ...request, ...keys, ...scope, allHeaders: true }).sign()
  return Object.fromEntries(headers)
}

function credentialsOf(config: Ec2Config, env: NodeJS.ProcessEnv): AwsCredentials {
  if (config.accessKey !== '') return { accessKey: config.accessKey, secretKey: config.secretKey, sessionToken: '' }
  const { AWS_ACCESS_KEY_ID: key, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = env
  if (config.profile === '' && key && secret) return { accessKey: key, secretKey: secret, sessionToken: token ?? '' }
  const file = env.AWS_SHARED_CREDENTIALS_FILE || join(homedir(), '.aws', 'credentials')
  const found = readProfile(file, config.profile || env.AWS_PROFILE || 'default')
  if (found === null) throw new ShardlineError('ec2', 'no AWS credentials found')
  return found
}

function readProfile(file: string, profile: string): AwsCredentials | null {
  let text: string
  try {
    text = readRegularSync(file).toString()
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new ShardlineError('ec2', `cannot read AWS credentials: ${errorText(err)}`)
  }
  const keys: Record<string, string> = {}
  let mine = false
  for (const line of text.split('\n')) {
    const section = /^\s*\[\s*(.*?)\s*\]\s*$/.exec(line)
    if (section !== null) mine = section[1] === profile
    const pair = /^\s*([a-z_]+)\s*=\s*(.*?)\s*$/.exec(line)
    if (mine && pair !== null) keys[pair[1]] = pair[2]
  }
  const { aws_access_key_id: accessKey, aws_secret_access_key: secretKey, aws_session_token: sessionToken = '' } = keys
  return accessKey === undefined || secretKey === undefined ? null : { accessKey, secretKey, sessionToken }
}
