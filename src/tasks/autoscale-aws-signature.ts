/** Signature version 4 of AWS requests (AWS General Reference, "Signing AWS API requests"). Thread: any. */
import { createHash, createHmac } from 'node:crypto'

export interface AwsCredentials {
  readonly accessKey: string
  readonly secretKey: string
  /** '' = long-term credentials. */
  readonly sessionToken: string
}

export interface AwsRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text, 'utf8').digest()

/** RFC 3986: what encodeURIComponent leaves as it is and AWS does not. */
const escaped = (s: string): string =>
  encodeURIComponent(s).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

/** The headers to send: the request's own, `X-Amz-Date` and `Authorization`. `now` is the time of the signature. */
export function signed(
  request: AwsRequest,
  credentials: AwsCredentials,
  region: string,
  service: string,
  now: Date,
): Record<string, string> {
  const time = now.toISOString().replace(/[-:]|\.\d{3}/g, '')
  const day = time.slice(0, 8)
  const headers: Record<string, string> = { ...request.headers, 'X-Amz-Date': time }
  if (credentials.sessionToken !== '') headers['X-Amz-Security-Token'] = credentials.sessionToken
  const signing: [string, string][] = [['host', request.url.host]]
  for (const [k, v] of Object.entries(headers)) signing.push([k.toLowerCase(), v.trim().replace(/ +/g, ' ')])
  signing.sort(([a], [b]) => (a < b ? -1 : 1))
  const names = signing.map(([k]) => k).join(';')
  const query = [...request.url.searchParams].map(([k, v]) => `${escaped(k)}=${escaped(v)}`).sort()
  const canonical = [
    request.method,
    request.url.pathname,
    query.join('&'),
    ...signing.map(([k, v]) => `${k}:${v}`),
    '',
    names,
    sha256(request.body),
  ].join('\n')
  const scope = `${day}/${region}/${service}/aws4_request`
  const text = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')
  let key = hmac(`AWS4${credentials.secretKey}`, day)
  for (const part of [region, service, 'aws4_request']) key = hmac(key, part)
  const signature = hmac(key, text).toString('hex')
  headers.Authorization = `AWS4-HMAC-SHA256 Credential=${credentials.accessKey}/${scope}, SignedHeaders=${names}, Signature=${signature}`
  return headers
}
