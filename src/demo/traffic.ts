/** Synthetic top-traffic points over UDP, paced, about 1,400 bytes a datagram. */
import { createSocket, type Socket } from 'node:dgram'

export interface TrafficOptions {
  readonly port: number
  /** Points per second. */
  readonly rate: number
  readonly groups: number
  readonly noisy: number
}

/** Part of the points that the noisy groups send together. */
export const noisyShare = 0.1

const tickMs = 10
const datagramBytes = 1400
const roles = ['ingress', 'edge', 'internal']

export class Traffic {
  /** Points handed to the socket. */
  sent = 0
  private readonly socket: Socket = createSocket('udp4')
  private timer: NodeJS.Timeout | undefined
  private startMs = 0
  private next = 0

  constructor(private readonly options: TrafficOptions) {}

  start(): void {
    this.socket.on('error', () => this.stop())
    this.socket.connect(this.options.port, '127.0.0.1', () => {
      this.startMs = Date.now()
      this.timer = setInterval(() => this.tick(), tickMs)
    })
  }

  stop(): void {
    if (this.timer === undefined) return
    clearInterval(this.timer)
    this.timer = undefined
    this.socket.close()
  }

  /** Sends what is due since the start, at most a fifth of a second's worth at once. */
  private tick(): void {
    const { rate } = this.options
    const due = ((Date.now() - this.startMs) * rate) / 1000
    let n = Math.min(Math.floor(due - this.sent), Math.ceil(rate / 5))
    let lines = ''
    while (n-- > 0) {
      const line = this.line()
      if (lines.length + line.length > datagramBytes) {
        this.socket.send(lines)
        lines = ''
      }
      lines += line
      this.sent++
    }
    if (lines !== '') this.socket.send(lines)
  }

  private line(): string {
    const { groups, noisy } = this.options
    const i = this.next++
    const quiet = i < groups ? i : Math.floor(Math.random() * groups)
    const g = noisy > 0 && i % Math.round(1 / noisyShare) === 0 ? Math.floor(Math.random() * noisy) : quiet
    const id = 100_000_000 + ((Math.imul(g, 7919) >>> 0) % 30_000)
    const ip = `10.${(g >> 16) & 255}.${(g >> 8) & 255}.${g & 255}`
    const now = `${Date.now()}000000`
    return `combined,id=${id},ip=${ip},role=${roles[g % 3]},uri=/path/to/some/product-${g % 500} count=1 ${now}\n`
  }
}
