/**
 * Match expressions of handler specs: which events of a topic a handler gets (spec alerts 11.3). Thread: main.
 *
 * A lambda body over `level()`, `changed()`, `name()`, `taskName()`, `alertDuration()`, the levels as bare words, tags as quoted
 * references and all built-in functions; beyond the original `previousLevel()` and `field('value')`, a field of the point that
 * the event is about. Stateful functions count over all events of the handler.
 */

import type { Delivery } from '../alert-handlers/delivery.js'
import { levelTexts } from '../alert-handlers/event-frame.js'
import { Duration, kindOf, missing, Timestamp, type Value } from '../columns/values.js'
import { errorText, ShardlineError } from '../errors.js'
import { goQuote } from '../go/go-format.js'
import { type FunctionDef, sig } from '../lambda/functions/function-def.js'
import { functionByName } from '../lambda/functions/registry.js'
import { evaluateProgram } from '../lambda/interpreter.js'
import { buildProgram, type Program } from '../lambda/program.js'
import { Failure, Type } from '../lambda/types.js'
import type { Expression, FunctionNode } from '../tickscript/ast.js'
import { resolveExpression } from '../tickscript/lambda-idents.js'
import { parseLambdaBody } from '../tickscript/parser.js'

export type Match = (delivery: Delivery) => boolean

/** Main evaluates a match for every event of its topic: what it may ask for has a bound. */
const maxMatchLength = 4096

/** Throws a ShardlineError (500) with the text of creation. A match throws an Error for an event it cannot judge. */
export function compileMatch(text: string): Match {
  if (text.length > maxMatchLength) {
    throw new ShardlineError('bad-match', `a match is at most ${maxMatchLength} characters long, got ${text.length}`)
  }
  return new Matcher(text).match
}

class Matcher {
  private readonly program: Program
  private readonly states: Float64Array[]
  private readonly offsets: number[]
  /** Fields by the references that stand for them. */
  private readonly fields = new Map<string, string>()
  private current: Delivery | null = null

  constructor(text: string) {
    this.program = this.build(text)
    this.states = this.program.slots.map((n) => new Float64Array(n))
    this.offsets = this.program.slots.map(() => 0)
  }

  readonly match = (delivery: Delivery): boolean => {
    this.current = delivery
    try {
      const value = this.evaluate(delivery)
      if (typeof value === 'boolean') return value
      throw new Error(`expression returned unexpected type ${goTypeOf(value)}`)
    } finally {
      this.current = null
    }
  }

  private evaluate(delivery: Delivery): Value {
    const { event } = delivery
    const { references } = this.program
    try {
      return evaluateProgram(this.program.root, {
        type: (_index, name) => {
          const field = this.fields.get(name)
          if (field !== undefined) return kindOf(delivery.fields.get(field) ?? missing)
          if (!event.tags.has(name)) throw new Failure(`no tag exists for ${name}`)
          return Type.String
        },
        value: (index) => {
          const field = this.fields.get(references[index])
          return (field === undefined ? event.tags.get(references[index]) : delivery.fields.get(field)) ?? missing
        },
        timeNs: () => event.timeNs,
        nowNs: () => BigInt(Date.now()) * 1_000_000n,
        states: this.states,
        offsets: this.offsets,
        names: references,
      })
    } catch (err) {
      if (err instanceof Failure) throw new Error(err.text)
      throw err
    }
  }

  private build(text: string): Program {
    let expression: ReturnType<typeof parseLambdaBody>
    try {
      expression = parseLambdaBody(text)
    } catch (err) {
      throw invalid(errorText(err))
    }
    const resolved = resolveExpression(expression, (name) => {
      const level = levelTexts.indexOf(name as (typeof levelTexts)[number])
      if (level < 0) throw new ShardlineError('bad-match', `unknown identifier ${goQuote(name)}`)
      return BigInt(level)
    })
    const own = this.functions()
    try {
      return buildProgram(this.withFields(resolved), (name) => own.get(name) ?? functionByName(name))
    } catch (err) {
      if (err instanceof Failure) throw invalid(err.text)
      throw err
    }
  }

  /** `field('x')` is a reference, whose type is that of the event's field. */
  private withFields(node: Expression): Expression {
    switch (node.type) {
      case 'unary':
        return { ...node, operand: this.withFields(node.operand) }
      case 'binary':
        return { ...node, left: this.withFields(node.left), right: this.withFields(node.right) }
      case 'function':
        return node.name === 'field' ? this.fieldOf(node) : { ...node, args: node.args.map((a) => this.withFields(a)) }
      default:
        return node
    }
  }

  private fieldOf({ args, pos }: FunctionNode): Expression {
    const [arg] = args
    if (args.length !== 1 || arg.type !== 'string') throw invalid("field takes the name of a field, field('value')")
    const name = `field('${arg.value}')`
    this.fields.set(name, arg.value)
    return { type: 'reference', name, pos }
  }

  private functions(): Map<string, FunctionDef> {
    const delivery = (): Delivery => {
      if (this.current === null) throw new Failure('there is no event')
      return this.current
    }
    const about = (name: string, result: Type, call: () => Value): FunctionDef => ({
      name,
      family: 'misc',
      doc: '',
      params: [],
      signatures: [sig([], result)],
      call,
    })
    const duration = (): Duration => new Duration(delivery().event.durationNs)
    const conversion = functionByName('duration')!
    const defs: FunctionDef[] = [
      about('level', Type.Int, () => BigInt(delivery().event.level)),
      about('previousLevel', Type.Int, () => BigInt(delivery().previousLevel)),
      about('changed', Type.Bool, () => delivery().event.level !== delivery().previousLevel),
      about('name', Type.String, () => delivery().event.name),
      about('taskName', Type.String, () => delivery().event.taskId),
      about('alertDuration', Type.Duration, duration),
      {
        ...conversion,
        signatures: [sig([], Type.Duration), ...conversion.signatures],
        call: (args, nowNs) => (args.length === 0 ? duration() : conversion.call(args, nowNs)),
      },
    ]
    return new Map(defs.map((d) => [d.name, d]))
  }
}

const invalid = (text: string): ShardlineError => new ShardlineError('bad-match', `invalid match expression: ${text}`)

function goTypeOf(value: Value): string {
  if (typeof value === 'bigint') return 'int64'
  if (typeof value === 'number') return 'float64'
  if (typeof value === 'string') return 'string'
  if (value instanceof Duration) return 'time.Duration'
  return value instanceof Timestamp ? 'time.Time' : '<nil>'
}
