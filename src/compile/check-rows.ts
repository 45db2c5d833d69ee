/** Names that an expression or a node reads and that no row has at their place any more: `check` warns of them. Thread: any. */
import { anyCell, bitsOf, type CellTypes, checkLambda, type LambdaProblem } from '../lambda/check.js'
import { Type } from '../lambda/types.js'
import { stringsOf } from '../operators/kit/dimensions.js'
import type { Expression, ReferenceNode } from '../tickscript/ast.js'
import type { PipelineNode } from '../tickscript/node-def.js'
import type { LambdaPlace } from './lambda-places.js'
import type { RowShapes } from './row-shapes.js'

/** Why a name is not there and what to do about it. */
export interface Absence {
  readonly text: string
  readonly hint?: string
  /** Another name in its place. */
  readonly suggestion?: string
}

/** What `check` says of an expression at its place in the pipeline. */
export function checkInRows(place: LambdaPlace, node: PipelineNode, shapes: RowShapes): LambdaProblem[] {
  const { lambda, index, purpose } = place
  const { expression } = lambda
  const cells: CellTypes = (name) =>
    (shapes.isDoubtful(node, name, index) ? 0 : shapes.evalCell(node, name, index)) || anyCell
  const problems = checkLambda(expression, purpose, cells)
  const references: ReferenceNode[] = []
  const tested = new Set<string>()
  collect(expression, references, tested)
  const isAbsent = (name: string): boolean => {
    // What isPresent() is asked about is meant to be absent at times.
    if (tested.has(name)) return false
    if (!shapes.isDoubtful(node, name, index)) return shapes.evalCell(node, name, index) === 0
    if (removedFrom(node, name, shapes)) return true
    // It might be a tag, but not where no string fits.
    const asTag: CellTypes = (n) => (n === name ? bitsOf(Type.String, Type.Missing) : cells(n))
    return checkLambda(expression, purpose, asTag).length > problems.length
  }
  const absent = references.filter(({ name }) => isAbsent(name))
  return [
    ...absent.map((reference) => ({
      severity: 'warning' as const,
      node: reference,
      ...absence(node, reference.name, shapes),
    })),
    ...problems,
  ]
}

/** The fields that a node reads itself and that no row has. */
export function absentFields(node: PipelineNode, shapes: RowShapes): (Absence & { readonly field: string })[] {
  const needed = node.def.effects?.(node).needsFields ?? []
  return needed
    .filter((field) => shapes.fieldIn(node, field) === 0)
    .map((field) => {
      const { text, hint, suggestion } = absence(node, field, shapes)
      return { field, text, hint, suggestion: suggestion?.replaceAll('"', "'") }
    })
}

function collect(e: Expression, references: ReferenceNode[], tested: Set<string>): void {
  switch (e.type) {
    case 'reference':
      references.push(e)
      return
    case 'unary':
      collect(e.operand, references, tested)
      return
    case 'binary':
      collect(e.left, references, tested)
      collect(e.right, references, tested)
      return
    case 'lambda':
      collect(e.expression, references, tested)
      return
    case 'function':
      for (const arg of e.args) {
        if (e.name === 'isPresent' && arg.type === 'reference') tested.add(arg.name)
        else collect(arg, references, tested)
      }
  }
}

function absence(node: PipelineNode, name: string, shapes: RowShapes): Absence {
  const culprit = culpritOf(node, name, shapes)
  const text = `no row has "${name}" here`
  if (culprit === null) return { text }
  const { method } = culprit.def
  const effects = culprit.def.effects?.(culprit)
  const made = (effects?.makesFields ?? []).map(([field]) => field)
  if (effects?.removes?.fields.includes(name) === true && method === 'delete') {
    return { text: `${text}: delete removes it`, hint: 'Use it before the delete node.' }
  }
  if (method === 'join') {
    const prefixed = stringsOf(culprit.props.as).map((p) => `"${p}${String(culprit.props.delimiter)}${name}"`)
    const hint = `Write ${prefixed.join(' or ')}.`
    return { text: `${text}: join puts a prefix before the names of fields`, hint }
  }
  const fields = [...(effects?.keepsFields ?? []), ...made].map((field) => `"${field}"`).join(', ')
  const tags = effects?.groupTagsOnly === true ? 'the tags of the group' : ''
  const kept = [fields, tags].filter((part) => part !== '').join(' and ')
  if (method === 'eval') {
    const hint = '.keep() hands on the other fields too.'
    return { text: `${text}: eval hands on ${kept === '' ? 'no field' : `only ${kept} of the fields`}`, hint }
  }
  if (effects?.removes?.fields.includes(name) === true) {
    const hint = `Write ${fields}, or keep the name with .as('${name}').`
    return { text: `${text}: ${method} hands it on as ${fields}`, hint, suggestion: fields }
  }
  const only = `${text}: ${method} hands on only ${kept}`
  if (effects?.needsFields?.includes(name) === true) {
    return { text: only, hint: `Write ${fields}, or name the result with .as('${name}').`, suggestion: fields }
  }
  return { text: only, hint: 'Other fields end there; a tag goes on when it is in the grouping.' }
}

/** The last node upstream behind which no row has the name, at least not as a field. */
function culpritOf(node: PipelineNode, name: string, shapes: RowShapes): PipelineNode | null {
  const isDoubtful = shapes.cell(node, name) !== 0
  for (let at: PipelineNode | undefined = node; at !== undefined; at = at.parents[0]) {
    for (const parent of at.parents) {
      const had = isDoubtful ? shapes.fieldIn(parent, name) : shapes.cell(parent, name)
      if (parent.parents.length === 0 || had !== 0) return parent
    }
  }
  return null
}

/** A node has taken the field away under its name: it was a field. */
function removedFrom(node: PipelineNode, name: string, shapes: RowShapes): boolean {
  const culprit = culpritOf(node, name, shapes)
  return culprit?.def.effects?.(culprit).removes?.fields.includes(name) === true
}
