/** Details of alerts that `check` warns of: HTML that cannot be escaped stops the task at its first event. Thread: any. */

import { ShardlineError } from '../errors.js'
import { compileHtmlTemplate } from '../templates/index.js'
import type { PipelineNode } from '../tickscript/node-def.js'
import type { GroupProblem } from './check-groups.js'

export function flawedDetails(node: PipelineNode): GroupProblem | null {
  const { details } = node.props
  if (node.def.method !== 'alert' || typeof details !== 'string') return null
  let flaw: string | null
  try {
    flaw = compileHtmlTemplate('details', details).flaw
  } catch (err) {
    // Enabling the task says it.
    if (err instanceof ShardlineError) return null
    throw err
  }
  if (flaw === null) return null
  const hint = 'Close tags, quotes and comments, on each branch: a value is escaped for the place where it stands.'
  return { text: `the first event stops the task: ${flaw}`, hint, literal: details }
}
