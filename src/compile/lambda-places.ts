/** The lambdas among the properties of a node. Thread: any. */
import type { Purpose } from '../lambda/check.js'
import { Lambda, type PipelineNode, type ScriptValue } from '../tickscript/node-def.js'

export interface LambdaPlace {
  readonly lambda: Lambda
  /** Its place in the list of the property that it is in, else 0. */
  readonly index: number
  readonly purpose: Purpose
  set(value: Lambda): void
}

/** By the method or property: eval computes fields, the replicas of a cluster are numbers, all others are conditions. */
export function purposeOf(name: string): Purpose {
  return /^(?:eval|lambdas|replicas)$/i.test(name) ? 'value' : 'condition'
}

export function lambdasOf(node: PipelineNode): LambdaPlace[] {
  const places: LambdaPlace[] = []
  const { props } = node
  for (const [prop, value] of Object.entries(props)) {
    if (value instanceof Lambda) {
      places.push({ lambda: value, index: 0, purpose: purposeOf(prop), set: (v) => (props[prop] = v) })
    } else if (Array.isArray(value)) {
      const list: ScriptValue[] = value
      list.forEach((item, i) => {
        if (item instanceof Lambda) {
          places.push({ lambda: item, index: i, purpose: purposeOf(prop), set: (v) => (list[i] = v) })
        }
      })
    }
  }
  return places
}
