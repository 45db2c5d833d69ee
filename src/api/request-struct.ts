/** Request bodies whose faults are answered with the text of Go's decoder. Thread: any. */
import { ShardlineError } from '../errors.js'
import type { JsonStruct } from '../go/json-members.js'

export const requestStruct = (goType: string, members: readonly string[]): JsonStruct => ({
  goType,
  members,
  fault: (text) => new ShardlineError('invalid-json', text),
})
