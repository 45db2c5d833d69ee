/**
 * Everything that is wrong with a lambda as far as its text tells. Errors are those of enable time, with their texts, but all
 * of them instead of the first. Warnings are what fails for every point: each part has the set of types that it can have, and
 * where no operator or signature fits any of them, none will at run time. Of a reference only its name is known, so it can be
 * any type that a cell has. Thread: any.
 */
import { goQuote } from '../go/go-format.js'
import type { BinaryNode, Expression, FunctionNode } from '../tickscript/ast.js'
import { nearest } from '../tickscript/diagnostics/suggest.js'
import type { FunctionDef, Signature } from './functions/function-def.js'
import { functionByName, functions, signaturesText } from './functions/registry.js'
import { buildProgram, textOf } from './program.js'
import { isBoolOp, mismatchText, resultType, Type, typeName } from './types.js'

export interface LambdaProblem {
  readonly severity: 'error' | 'warning'
  readonly text: string
  /** The part it is about. */
  readonly node: Expression
  readonly hint?: string
  /** What to write in place of the part. */
  readonly suggestion?: string
}

/** What the result is for: anything a field can hold, or a condition. */
export type Purpose = 'value' | 'condition'

/** Bits by Type. */
export type Types = number
const bit = (type: Type): Types => 1 << type
export const bitsOf = (...types: Type[]): Types => types.reduce<Types>((bits, type) => bits | bit(type), 0)
/** What a field can hold. */
export const cellTypes = bit(Type.Int) | bit(Type.Float) | bit(Type.String) | bit(Type.Bool) | bit(Type.Duration)
/** What a reference can be of which nothing is known. */
export const anyCell = cellTypes | bit(Type.Missing)
/** The types that a reference can have. */
export type CellTypes = (name: string) => Types
const unknownCells: CellTypes = (name) => (name === 'time' ? bit(Type.Time) : anyCell)
const anyType = 0x3ff
const allTypes: readonly Type[] = [0, 1, 2, 3, 4, 5, 6, 7, 8]

interface Typed {
  readonly staticType: Type
  readonly dynamic: boolean
  readonly types: Types
}

/** What a part is after a fault in it: anything, so that one fault is reported once. */
const unknown: Typed = { staticType: Type.Invalid, dynamic: true, types: anyType }

const maxProblems = 50

export function checkLambda(expression: Expression, purpose: Purpose, cells = unknownCells): LambdaProblem[] {
  const checker = new Checker(cells)
  const result = checker.check(expression, '')
  checker.checkResult(expression, result, purpose)
  return checker.problems
}

/** The types that the result can have. */
export function typesOf(expression: Expression, cells: CellTypes): Types {
  return new Checker(cells).check(expression, '').types
}

/** The errors of enable time only. */
export function staticProblems(expression: Expression): LambdaProblem[] {
  const checker = new Checker(unknownCells)
  checker.check(expression, '')
  return checker.problems.filter((problem) => problem.severity === 'error')
}

class Checker {
  readonly problems: LambdaProblem[] = []
  private errors = 0

  constructor(private readonly cells: CellTypes) {}

  check(e: Expression, prefix: string): Typed {
    switch (e.type) {
      case 'number':
        return literal(typeof e.value === 'bigint' ? Type.Int : Type.Float)
      case 'string':
        return literal(Type.String)
      case 'bool':
        return literal(Type.Bool)
      case 'duration':
        return literal(Type.Duration)
      case 'regex':
        return literal(Type.Regex)
      case 'reference': {
        return { staticType: Type.Invalid, dynamic: true, types: this.cells(e.name) }
      }
      case 'unary':
        return this.unary(e.op, e, this.check(e.operand, `${prefix}Failed to handle node: `))
      case 'lambda':
        return this.check(e.expression, `${prefix}Failed to handle node: `)
      case 'binary':
        return this.binary(e, prefix)
      case 'function':
        return this.call(e, prefix)
      default: {
        const kind = e.type.charAt(0).toUpperCase() + e.type.slice(1)
        this.error(`${prefix}Given node type is not valid evaluation node: *ast.${kind}Node`, e, {
          hint: e.type === 'list' ? 'Lists cannot be used inside lambdas.' : 'It cannot be used inside lambdas.',
        })
        return unknown
      }
    }
  }

  checkResult(e: Expression, { types }: Typed, purpose: Purpose): void {
    const wanted = purpose === 'condition' ? bit(Type.Bool) : cellTypes
    if ((types & wanted) !== 0) return
    const only = single(types)
    if (purpose === 'value') {
      this.warn(`expression returned unexpected type ${namesOf(types)}`, e, {
        hint: 'A field holds an integer, a float, a string, a boolean or a duration.',
      })
      return
    }
    const text =
      only === null
        ? `expression returns ${namesOf(types)}, expected boolean`
        : e.type === 'binary'
          ? `expression returned unexpected type ${goNames[only] ?? typeName(only)}`
          : `TypeGuard: expression returned unexpected type ${typeName(only)}, expected boolean`
    this.warn(text, e, { hint: 'A condition is a comparison, or comparisons joined with AND and OR.' })
  }

  private unary(op: '-' | '!', e: Expression, operand: Typed): Typed {
    const taken = op === '!' ? bit(Type.Bool) : bit(Type.Int) | bit(Type.Float) | bit(Type.Duration) | bit(Type.Bool)
    const staticType = op === '!' ? Type.Bool : operand.staticType
    const dynamic = staticType === Type.Invalid && operand.dynamic
    const fits = operand.types & (taken | bit(Type.Missing))
    if (fits !== 0) return { staticType, dynamic, types: op === '!' ? bit(Type.Bool) : fits }
    const only = single(operand.types)
    const text =
      op === '!' && only !== null
        ? `TypeGuard: expression returned unexpected type ${typeName(only)}, expected boolean`
        : `${op} is never possible with ${namesOf(operand.types)}`
    this.warn(text, e, op === '!' ? { hint: '! negates a condition.' } : {})
    return { staticType, dynamic, types: anyType }
  }

  private binary(e: BinaryNode, prefix: string): Typed {
    const before = this.errors
    const left = this.check(e.left, `${prefix}Failed to handle left node: `)
    const right = this.check(e.right, `${prefix}Failed to handle right node: `)
    const dynamicSide = left.dynamic || right.dynamic
    const result = resultType(e.op, left.staticType, right.staticType)
    const staticType = isBoolOp(e.op) ? Type.Bool : result
    const typed = { staticType, dynamic: staticType === Type.Invalid && dynamicSide }
    if (!dynamicSide && result === Type.Invalid) {
      if (this.errors > before) return unknown
      const text = prefix + mismatchText(e.op, left.staticType, right.staticType)
      this.error(text, e, binaryAdvice(e, left.types, right.types))
      return unknown
    }
    let types: Types = 0
    for (const l of allTypes) {
      if ((left.types & bit(l)) === 0) continue
      for (const r of allTypes) {
        if ((right.types & bit(r)) === 0) continue
        const t = resultType(e.op, l, r)
        if (t !== Type.Invalid) types |= bit(t)
      }
    }
    if (left.types === anyType || right.types === anyType) types = isBoolOp(e.op) ? bit(Type.Bool) : anyType
    if (types === 0) {
      this.impossible(e, left.types, right.types)
      return { ...typed, types: isBoolOp(e.op) ? bit(Type.Bool) : anyType }
    }
    this.suspicious(e)
    return { ...typed, types }
  }

  /** No types of the two sides fit the operator. */
  private impossible(e: BinaryNode, left: Types, right: Types): void {
    const [l, r] = [single(present(left)), single(present(right))]
    const text =
      l !== null && r !== null
        ? mismatchText(e.op, l, r)
        : `${e.op} is never possible between ${namesOf(left)} and ${namesOf(right)}`
    this.warn(text, e, binaryAdvice(e, left, right))
  }

  private suspicious(e: BinaryNode): void {
    const { op, right } = e
    if ((op === '/' || op === '%') && right.type === 'number' && right.value === 0n) {
      this.warn('runtime error: integer divide by zero', e, {})
    }
    if (op !== '==' && op !== '!=') return
    if (e.left.type !== 'reference' || right.type !== 'reference') return
    if (e.left.name === 'time' || right.name === 'time') return
    const suggestion = `'${right.name.replaceAll("'", "\\'")}'`
    this.warn(`${textOf(buildProgram(e).root)} compares two fields or tags`, right, {
      hint: `Double quotes name fields and tags; the string is written ${suggestion}.`,
      suggestion,
    })
  }

  private call(e: FunctionNode, prefix: string): Typed {
    const before = this.problems.length
    const args = e.args.map((arg, i) => this.check(arg, `${prefix}Failed to handle ${i + 1} argument: `).types)
    const dynamic = { staticType: Type.Invalid, dynamic: true }
    const def = functionByName(e.name)
    if (def === null) {
      const near = nearest(
        e.name,
        functions.map((f) => f.name),
      )
      const hint = near === undefined ? undefined : `Did you mean ${near}?`
      this.warn(`undefined function: ${goQuote(e.name)}`, { ...e, type: 'identifier' }, { hint, suggestion: near })
      return unknown
    }
    const fitting = def.signatures.filter(
      (s) => s.args.length === args.length && s.args.every((t, i) => (args[i] & bit(t)) !== 0),
    )
    if (fitting.length > 0) return { ...dynamic, types: fitting.reduce((types, s) => types | bit(s.result), 0) }
    if (this.problems.length === before && before < maxProblems) this.noSignature(e, def, args)
    return { ...dynamic, types: def.signatures.reduce((types, s) => types | bit(s.result), 0) }
  }

  private noSignature(e: FunctionNode, def: FunctionDef, args: readonly Types[]): void {
    const exact = args.every((types) => single(types) !== null)
    const given = e.args.map((arg, i) => `${textOf(buildProgram(arg).root)}: ${namesOf(args[i])}`).join(',')
    const text = exact
      ? `Cannot call function "${e.name}" with args (${given}), available signatures are ${signaturesText(def)}.`
      : `Cannot call function "${e.name}" with args (${given}), available signatures are ${signaturesText(def)}`
    const advice = callAdvice(e, def, args)
    this.warn(text, advice.node ?? { ...e, type: 'identifier' }, advice)
  }

  private error(text: string, node: Expression, advice: Advice): void {
    this.errors++
    this.add('error', text, node, advice)
  }

  private warn(text: string, node: Expression, advice: Advice): void {
    this.add('warning', text, node, advice)
  }

  private add(severity: LambdaProblem['severity'], text: string, node: Expression, advice: Advice): void {
    if (this.problems.length >= maxProblems) return
    const { hint, suggestion } = advice
    this.problems.push({ severity, text, node: advice.node ?? node, hint, suggestion })
  }
}

interface Advice {
  /** A smaller part, which the suggestion replaces. */
  readonly node?: Expression
  readonly hint?: string
  readonly suggestion?: string
}

function literal(type: Type): Typed {
  return { staticType: type, dynamic: false, types: bit(type) }
}

/** The types of what is there. */
function present(types: Types): Types {
  return types === bit(Type.Missing) ? types : types & ~bit(Type.Missing)
}

function single(types: Types): Type | null {
  const found = allTypes.filter((t) => (types & bit(t)) !== 0)
  return found.length === 1 ? found[0] : null
}

/** Go's names of the results of arithmetic. */
const goNames: Partial<Record<Type, string>> = {
  [Type.Int]: 'int64',
  [Type.Float]: 'float64',
  [Type.String]: '<nil>',
  [Type.Duration]: '<nil>',
}

function namesOf(types: Types): string {
  const known = allTypes.filter((t) => (types & bit(t)) !== 0 && t !== Type.Missing).map(typeName)
  if (known.length >= 5) return 'any type'
  return known.length === 0 ? 'missing' : known.join(' or ')
}

/** A name that could be a field's. */
const fieldName = /^[\p{L}_][\p{L}\p{Nd}_.-]*$/u

function binaryAdvice(e: BinaryNode, left: Types, right: Types): Advice {
  const sides = [
    { node: e.left, own: left, other: present(right), opposite: e.right },
    { node: e.right, own: right, other: present(left), opposite: e.left },
  ]
  const numbers = bit(Type.Int) | bit(Type.Float)
  if (e.op === '=~' || e.op === '!~') {
    if (e.right.type === 'string') {
      const suggestion = `/${e.right.value.replaceAll('/', '\\/')}/`
      return { node: e.right, hint: `A regex stands between slashes: ${suggestion}.`, suggestion }
    }
    return { hint: 'It takes a string and a regex: "host" =~ /^web/.' }
  }
  for (const { node, own, other, opposite } of sides) {
    if (node.type === 'number' && own === bit(Type.Int) && other === bit(Type.Float)) {
      return {
        node,
        hint: 'Integers and floats do not mix in arithmetic: write the number with a dot.',
        suggestion: `${node.value}.0`,
      }
    }
    if (node.type === 'number' && other === bit(Type.String) && opposite.type !== 'string') {
      const suggestion = `'${node.value}'`
      return {
        node,
        hint: `Tags are strings, and strings stand in single quotes: ${suggestion}.`,
        suggestion,
      }
    }
    if (node.type === 'string' && (other & bit(Type.String)) === 0) {
      if (/^-?\d+(?:\.\d+)?$/.test(node.value) && (other & numbers) !== 0) {
        return { node, hint: 'Numbers are written without quotes.', suggestion: node.value }
      }
      if (fieldName.test(node.value)) {
        const suggestion = `"${node.value}"`
        return { node, hint: `Single quotes make a string; a field or tag is written ${suggestion}.`, suggestion }
      }
    }
  }
  if (present(left | right) === numbers) return { hint: 'Convert one side with float() or int().' }
  if (e.op === 'AND' || e.op === 'OR') return { hint: `${e.op} joins conditions.` }
  if (left === bit(Type.Time) || right === bit(Type.Time)) {
    return { hint: 'Times have no operators: use unixNano("time"), hour("time") and the like.' }
  }
  if (((left | right) & bit(Type.Duration)) !== 0 && ((left | right) & numbers) !== 0) {
    return { hint: 'A duration becomes a number by division: "d" / 1s.' }
  }
  if (e.op === '%' && left === bit(Type.Float)) return { hint: 'The remainder of floats is mod(x, y).' }
  return {}
}

const conversions: Partial<Record<Type, string>> = {
  [Type.Float]: 'float',
  [Type.Int]: 'int',
  [Type.String]: 'string',
  [Type.Bool]: 'bool',
}

function callAdvice(e: FunctionNode, def: FunctionDef, args: readonly Types[]): Advice {
  const counts = new Set(def.signatures.map((s) => s.args.length))
  const form = `${def.name}(${def.params.join(', ')})`
  if (!counts.has(args.length)) return { hint: `It is called as ${form}.` }
  // The argument that keeps the nearest signature from fitting, when it is one.
  let best: { signature: Signature; wrong: number[] } | null = null
  for (const signature of def.signatures) {
    if (signature.args.length !== args.length) continue
    const wrong = signature.args.flatMap((t, i) => ((args[i] & bit(t)) === 0 ? [i] : []))
    if (best === null || wrong.length < best.wrong.length) best = { signature, wrong }
  }
  const at = best?.wrong[0]
  if (best === null || at === undefined) return { hint: `It is called as ${form}.` }
  const [node, want] = [e.args[at], best.signature.args[at]]
  if (node.type === 'number' && want === Type.Float) {
    return { node, hint: `${form} takes floats: write the number with a dot.`, suggestion: `${node.value}.0` }
  }
  if (node.type === 'string' && want !== Type.String && fieldName.test(node.value)) {
    const suggestion = `"${node.value}"`
    return { node, hint: `Single quotes make a string; a field or tag is written ${suggestion}.`, suggestion }
  }
  if (node.type === 'string' && want === Type.Regex) {
    return { node, hint: 'A regex stands between slashes.', suggestion: `/${node.value.replaceAll('/', '\\/')}/` }
  }
  const conversion = conversions[want]
  if (conversion !== undefined && (args[at] & cellTypes) !== 0 && (args[at] & bit(Type.Duration)) === 0) {
    return { node, hint: `Convert it: ${conversion}(…).` }
  }
  return { node, hint: `${form} takes ${typeName(want)} here.` }
}
