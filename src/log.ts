/**
 * The interface that every part logs through; the implementation is observe/logger.ts. `with` returns a log whose lines
 * carry more context keys (service, task, node …) before their own. Thread: any.
 */
export type LogLevel = 'debug' | 'info' | 'error'

export interface Log {
  debug(msg: string, keys?: Record<string, unknown>): void
  info(msg: string, keys?: Record<string, unknown>): void
  error(msg: string, keys?: Record<string, unknown>): void
  with(keys: Record<string, unknown>): Log
}

/** Swallows everything: for tools and tests that look at results only. */
export const silentLog: Log = {
  debug() {},
  info() {},
  error() {},
  with: () => silentLog,
}
