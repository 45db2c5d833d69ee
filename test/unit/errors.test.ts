import { describe, expect, it } from 'vitest'
import { statusOf } from '../../src/error-codes.js'
import { ShardlineError, TaskFailure } from '../../src/errors.js'

describe('errors', () => {
  it('have the status of their code, unless the request makes another one of it', () => {
    expect(new ShardlineError('no-task', 'x').status).toBe(404)
    expect(new ShardlineError('tickscript', 'x').status).toBe(400)
    expect(new ShardlineError('body-late', 'x').status).toBe(408)
    expect(new ShardlineError('no-task', 'x', 500).status).toBe(500)
    expect(new TaskFailure('alert1', 'x')).toMatchObject({ code: 'task-failed', status: 500, message: 'alert1: x' })
    expect(statusOf('shard-down')).toBe(503)
  })
})
