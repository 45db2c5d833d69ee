/**
 * Replaces the identifiers of an expression by the literals of their values, at the moment the expression is evaluated.
 * Lambda vars are spliced in as nested lambdas. The expanded size is limited: a few vars that each name the previous one
 * twice would otherwise describe an expression of any size. Thread: any.
 */
import { Duration } from '../columns/values.js'
import { ShardlineError } from '../errors.js'
import type { Expression, LambdaNode, Position } from './ast.js'
import { influxDuration } from './literals.js'
import { Lambda, Reference, Regex, Star } from './node-def.js'
import { type EvalValue, goType } from './script-values.js'

/** Nodes of an expression with everything spliced in. */
const maxExpandedNodes = 100_000
/** Deepest expression with everything spliced in. */
const maxExpandedDepth = 980

interface Extent {
  readonly nodes: number
  readonly depth: number
}

const extents = new WeakMap<LambdaNode, Extent>()

/** null: identifiers stay as they are. */
export type Lookup = ((name: string) => EvalValue) | null

/** Parts of a lambda with everything spliced in. */
export function expandedNodes(lambda: Lambda): number {
  return extents.get(lambda.node)?.nodes ?? 1
}

export function lambdaOf(node: LambdaNode, lookup: Lookup): Lambda {
  const resolver = new Resolver(lookup)
  const expression = resolver.resolve(node.expression, 1)
  const resolved: LambdaNode = { type: 'lambda', expression, pos: node.pos }
  extents.set(resolved, { nodes: resolver.nodes + 1, depth: resolver.depth + 1 })
  return new Lambda(resolved)
}

/** An expression outside lambdas, ready for the evaluation of constants. */
export function resolveExpression(node: Expression, lookup: Lookup): Expression {
  return new Resolver(lookup).resolve(node, 1)
}

class Resolver {
  nodes = 0
  depth = 0

  constructor(private readonly lookup: Lookup) {}

  resolve(node: Expression, depth: number): Expression {
    this.count(1, depth)
    switch (node.type) {
      case 'identifier':
        return this.lookup === null ? node : this.literal(this.lookup(node.name), node.pos, depth)
      case 'unary':
        return { ...node, operand: this.resolve(node.operand, depth + 1) }
      case 'binary':
        return { ...node, left: this.resolve(node.left, depth + 1), right: this.resolve(node.right, depth + 1) }
      case 'function':
        return { ...node, args: node.args.map((arg) => this.resolve(arg, depth + 1)) }
      case 'lambda':
        return { ...node, expression: this.resolve(node.expression, depth + 1) }
      default:
        return node
    }
  }

  private literal(value: EvalValue, pos: Position, depth: number): Expression {
    switch (typeof value) {
      case 'bigint':
      case 'number':
        return { type: 'number', value, pos }
      case 'string':
        return { type: 'string', value, triple: false, pos }
      case 'boolean':
        return { type: 'bool', value, pos }
    }
    if (value instanceof Duration) return { type: 'duration', ns: value.ns, literal: influxDuration(value.ns), pos }
    if (value instanceof Regex) return { type: 'regex', source: value.source, literal: '', pos }
    if (value instanceof Star) return { type: 'star', pos }
    if (value instanceof Reference) return { type: 'reference', name: value.name, pos }
    if (Array.isArray(value)) {
      return { type: 'list', items: value.map((item) => this.literal(item, pos, depth + 1)), pos }
    }
    if (value instanceof Lambda) {
      const extent = extents.get(value.node) ?? { nodes: 1, depth: 1 }
      this.count(extent.nodes, depth + extent.depth)
      return value.node
    }
    throw new ShardlineError('tickscript', `unsupported literal type ${goType(value)}`)
  }

  private count(nodes: number, depth: number): void {
    this.nodes += nodes
    if (depth > this.depth) this.depth = depth
    if (this.nodes > maxExpandedNodes || this.depth > maxExpandedDepth) {
      throw new ShardlineError(
        'tickscript',
        `expression is too large with its vars filled in: more than ${maxExpandedNodes} parts or ${maxExpandedDepth} deep`,
      )
    }
  }
}
