/** The certificates of a configuration section, as connections out need them. Thread: main, and the command line. */
import { errorText, ShardlineError } from '../errors.js'
import { readRegularSync } from '../regular-file.js'

/** Paths; '' = none. */
export interface TlsFiles {
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly insecureSkipVerify: boolean
}

export const noTls: TlsFiles = { ca: '', cert: '', key: '', insecureSkipVerify: false }

/** Options of tls.connect. */
export interface TlsContent {
  readonly ca?: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
  readonly rejectUnauthorized: boolean
}

/** Largest certificate file: a bundle of all authorities has a quarter of a megabyte. */
const maxFileBytes = 16 * 1024 * 1024

/** Throws a ShardlineError for files that cannot be used. */
export function readTls({ ca, cert, key, insecureSkipVerify }: TlsFiles): TlsContent {
  if ((cert === '') !== (key === '')) {
    const only = cert === '' ? 'key file provided.' : 'cert file provided.'
    throw new ShardlineError('bad-tls', `Must provide both key and cert files: only ${only}`)
  }
  return {
    ...(ca === '' ? {} : { ca: read('CA', ca) }),
    ...(cert === '' ? {} : { cert: read('client certificate', cert), key: read('client key', key) }),
    rejectUnauthorized: !insecureSkipVerify,
  }
}

function read(what: string, path: string): Buffer {
  try {
    return readRegularSync(path, maxFileBytes)
  } catch (err) {
    throw new ShardlineError('bad-tls', `Could not load TLS ${what}: ${errorText(err)}`)
  }
}
