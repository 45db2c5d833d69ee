/**
 * The one error family. A cause a user can meet has a stable `code`, an HTTP status and, where one helps, a hint.
 * Bad input on the data path is never an exception: it is counted where it is dropped. Thread: any.
 */
import { type ErrorCode, statusOf } from './error-codes.js'

export class ShardlineError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    /** Where it is not the one of the table. */
    readonly status = statusOf(code),
    readonly hint?: string,
  ) {
    super(message)
    this.name = 'ShardlineError'
  }
}

/** A run-time failure of one operator that stops its whole task (`executing: false`, `error: "<node>: <text>"`). */
export class TaskFailure extends ShardlineError {
  constructor(
    readonly node: string,
    text: string,
  ) {
    super('task-failed', `${node}: ${text}`, 500)
    this.name = 'TaskFailure'
  }
}

/** Text of anything thrown, for logs and error fields. */
export function errorText(err: unknown): string {
  return err instanceof Error ? err.message : String(err)
}
