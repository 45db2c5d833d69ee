/** Why a template cannot be escaped. Found while a template is rewritten, never while it runs. Thread: any. */
import { type AnyNode, positionOf } from '../nodes.js'

export class EscapeError extends Error {
  constructor(
    /** Without a place. */
    description: string,
    /** What the text points at. */
    readonly node: AnyNode | null = null,
    /** Without `node`: what has the line that the text names. */
    readonly lineOf: AnyNode | null = null,
  ) {
    super(description)
  }

  /** The whole text, for a template and its source. */
  textFor(name: string, source: string): string {
    const { node, lineOf, message } = this
    let place = name
    if (node !== null) {
      const { line, column } = positionOf(source, node.pos)
      place += `:${line}:${column}`
    } else if (lineOf !== null) place += `:${positionOf(source, lineOf.pos).line}`
    return `html/template:${place}: ${message}`
  }
}
