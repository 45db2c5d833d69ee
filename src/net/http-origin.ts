/**
 * Connections to one origin. A pool knows no end of a request before it is sent: requests wait for their turn here, and one
 * that ends while its connection comes about keeps its turn until that fails or succeeds. Thread: main, and the command line.
 */
import { type Dispatcher, Pool } from 'undici'
import { Permits, withSignal } from '../abortable.js'

/** How long a connection waits for the next request, where the server says nothing. */
const idleMs = 15_000

export interface OriginRequest extends Dispatcher.RequestOptions {
  readonly signal: AbortSignal
}

export class Origin {
  private readonly pool: Pool
  private readonly permits: Permits
  private open = 0
  private onIdle = (): void => {}

  constructor(origin: string, connections: number, connect: object) {
    this.permits = new Permits(connections)
    this.pool = new Pool(origin, {
      connections,
      connect,
      keepAliveTimeout: idleMs,
      // The deadline of the request stands for both.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
  }

  async exchange<T>(options: OriginRequest, read: (res: Dispatcher.ResponseData) => Promise<T>): Promise<T> {
    this.open++
    try {
      await this.permits.take(options.signal)
    } catch (err) {
      this.ended()
      throw err
    }
    const exchange = this.pool.request(options).then(read)
    const settled = (): void => {
      this.permits.give()
      this.ended()
    }
    exchange.then(settled, settled)
    return withSignal(exchange, options.signal)
  }

  /** Resolves when the requests that it has are answered. */
  async close(): Promise<void> {
    if (this.open > 0) {
      await new Promise<void>((resolve) => {
        this.onIdle = resolve
      })
    }
    await this.pool.close()
  }

  /** What is under way fails with the reason. */
  destroy(reason: Error): Promise<void> {
    return this.pool.destroy(reason)
  }

  private ended(): void {
    if (--this.open === 0) this.onIdle()
  }
}
