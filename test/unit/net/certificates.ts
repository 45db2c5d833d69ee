/** Certificates for tests, made by the openssl command: an authority, and a key pair for 127.0.0.1 that it signed. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Certificates {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** Paths of files in `dir`, which is made. */
export function makeCertificates(dir: string): Certificates {
  mkdirSync(dir, { recursive: true })
  const at = (name: string): string => join(dir, name)
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=test authority')
  openssl('req', ...key, '-keyout', 'key.pem', '-out', 'req.pem', '-subj', '/CN=localhost')
  writeFileSync(at('ext'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n')
  const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial']
  openssl('x509', '-req', '-in', 'req.pem', ...signer, '-days', '2', '-extfile', 'ext', '-out', 'cert.pem')
  return { ca: at('ca.pem'), cert: at('cert.pem'), key: at('key.pem') }
}
