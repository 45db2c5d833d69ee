/** Datagrams that the kernel dropped because a socket's receive buffer was full, from /proc/net/udp. Linux only. Thread: main. */
import { readFile } from 'node:fs/promises'
import { isIPv6 } from 'node:net'

/** Drops of the socket bound to the address and port; 0 where the system does not tell. */
export async function kernelDrops(address: string, port: number): Promise<number> {
  const v6 = isIPv6(address)
  let text: string
  try {
    text = await readFile(v6 ? '/proc/net/udp6' : '/proc/net/udp', 'utf8')
  } catch (err) {
    // Other systems have no such file.
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw err
  }
  return dropsIn(text, v6 ? null : address, port)
}

/** The same from the file's text. An IPv6 socket is found by its port alone. */
export function dropsIn(text: string, address: string | null, port: number): number {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  const host = address === null ? null : hexAddress(address)
  let drops = 0
  for (const line of text.split('\n').slice(1)) {
    const cells = line.trim().split(/\s+/)
    if (cells.length < 13) continue
    const [localHost, localPort] = cells[1].split(':')
    if (localPort === hexPort && (host === null || localHost === host)) drops += Number(cells[cells.length - 1])
  }
  return drops
}

/** Four bytes as the kernel prints them: one little-endian word. */
function hexAddress(address: string): string {
  const bytes = address.split('.').map((b) => Number(b).toString(16).toUpperCase().padStart(2, '0'))
  return bytes.reverse().join('')
}
