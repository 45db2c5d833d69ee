/** One clear line for an address that cannot be listened on, the same for both adapters. Thread: main. */
import { errorText, ShardlineError } from '../errors.js'
import type { ListenOptions } from './http.js'

const reasons: Record<string, string> = {
  EADDRINUSE: 'bind: address already in use',
  EACCES: 'bind: permission denied',
  EADDRNOTAVAIL: 'bind: cannot assign requested address',
  ENOTFOUND: 'no such host',
}

export function listenError(options: ListenOptions, err: unknown): ShardlineError {
  const code = (err as NodeJS.ErrnoException | undefined)?.code ?? ''
  const address = `${options.host.includes(':') ? `[${options.host}]` : options.host}:${options.port}`
  return new ShardlineError(
    'listen-failed',
    `open server: open service *httpd.Service: listen tcp ${address}: ${reasons[code] ?? errorText(err)}`,
    500,
    'Stop the other process or choose another address with [http] bind-address.',
  )
}
