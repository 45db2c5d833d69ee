/** Edges that cannot be: a node with several parents takes either streams or batches, as its first parent gives. Thread: any. */
import type { PipelineNode } from '../tickscript/node-def.js'

/** What starting the task says against the edges into `node`, one text per parent at most. */
export function edgeMismatches(node: PipelineNode): string[] {
  if (node.parents.length < 2 || node.def.emits !== 'same') return []
  return [...new Set(node.parents)]
    .filter((parent) => parent.edge !== node.edge)
    .map((p) => `cannot add child mismatched edges: ${p.name}:${p.edge} -> ${node.name}:${node.edge}`)
}
