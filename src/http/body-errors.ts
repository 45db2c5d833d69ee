/** Why a body cannot be had. Thread: main. */
import { ShardlineError } from '../errors.js'

export class BodyTooLarge extends ShardlineError {
  constructor(limitBytes: number) {
    super('body-too-large', `http: request body too large: more than ${limitBytes} bytes`, 413)
  }
}

export class RequestAborted extends Error {
  constructor() {
    super('request aborted by the client')
  }
}
