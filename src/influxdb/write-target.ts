/** What a sink needs of an InfluxDB to write to. Thread: main. */

/** Writes to one cluster; InfluxClient is one. Rejections with `retry` set may succeed later. */
export interface InfluxWriteTarget {
  write(request: InfluxWriteRequest, signal: AbortSignal): Promise<void>
  createDatabase(db: string, rp: string, signal: AbortSignal): Promise<void>
}

export interface InfluxWriteRequest {
  readonly db: string
  readonly rp: string
  readonly consistency: string
  readonly precision: string
  readonly body: Uint8Array
}

/** Whether a failed write may succeed later. */
export function isTransient(err: unknown): boolean {
  return err instanceof Error && (err as Error & { readonly transient?: boolean }).transient === true
}
