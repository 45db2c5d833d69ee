/** All built-in functions, in the order of the reference. A new function is one entry in its family's file. Thread: any. */

import { type Type, typeName } from '../types.js'
import { conversions } from './conversions.js'
import type { FunctionDef, Signature } from './function-def.js'
import { mathFunctions } from './math.js'
import { miscFunctions } from './misc.js'
import { statefulFunctions } from './stateful.js'
import { stringFunctions } from './strings.js'
import { timeFunctions } from './time.js'

export const functions: readonly FunctionDef[] = [
  ...conversions,
  ...mathFunctions,
  ...stringFunctions,
  ...timeFunctions,
  ...miscFunctions,
  ...statefulFunctions,
]

const byName = new Map(functions.map((f) => [f.name, f]))

export function functionByName(name: string): FunctionDef | null {
  return byName.get(name) ?? null
}

/** The signature for exactly these argument types. */
export function matchSignature(f: FunctionDef, args: readonly Type[]): Signature | null {
  for (const s of f.signatures) {
    if (s.args.length === args.length && s.args.every((t, i) => t === args[i])) return s
  }
  return null
}

/** `[(int,duration), (string,duration)]` as error texts list them. */
export function signaturesText(f: FunctionDef): string {
  return `[${f.signatures.map((s) => `(${s.args.map(typeName).join(',')})`).join(', ')}]`
}
