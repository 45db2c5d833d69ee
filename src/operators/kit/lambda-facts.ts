/** What planning must know of a lambda before any shard compiles it. Thread: any. */
import type { Expression } from '../../tickscript/ast.js'
import { Lambda, type ScriptValue } from '../../tickscript/node-def.js'

export interface LambdaFacts {
  /** Names referenced, nested lambdas included, without "time". */
  readonly references: readonly string[]
  /** "time" is referenced. */
  readonly time: boolean
  /** State per group: count(), sigma(), spread() … outside nested lambdas. */
  readonly stateful: boolean
  /** State that all groups of the node share: the same functions inside nested lambdas. */
  readonly shared: boolean
}

const statefulFunctions = new Set(['count', 'sigma', 'spread'])

export function lambdaFacts(lambdas: readonly (ScriptValue | null | undefined)[]): LambdaFacts {
  const references = new Set<string>()
  let stateful = false
  let shared = false
  const walk = (e: Expression, nested: boolean): void => {
    switch (e.type) {
      case 'reference':
        references.add(e.name)
        break
      case 'unary':
        walk(e.operand, nested)
        break
      case 'binary':
        walk(e.left, nested)
        walk(e.right, nested)
        break
      case 'function':
        if (statefulFunctions.has(e.name)) {
          if (nested) shared = true
          else stateful = true
        }
        for (const a of e.args) walk(a, nested)
        break
      case 'lambda':
        walk(e.expression, true)
        break
      case 'list':
        for (const i of e.items) walk(i, nested)
        break
    }
  }
  for (const l of lambdas) if (l instanceof Lambda) walk(l.expression, false)
  const time = references.delete('time')
  return { references: [...references], time, stateful, shared }
}

/** `a AND b`, as repeated `where` properties combine. */
export function andLambda(a: Lambda, b: Lambda): Lambda {
  const { pos } = a.node
  const both: Expression = {
    type: 'binary',
    op: 'AND',
    left: a.expression,
    right: b.expression,
    parens: false,
    multiLine: false,
    pos,
  }
  return new Lambda({ type: 'lambda', expression: both, pos })
}
