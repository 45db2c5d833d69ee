/** Reference pages of the nodes. */
import { operatorEntries } from '../operators/registry.js'
import type { NodeDef } from '../tickscript/node-def.js'

/** Nodes that scripts can name, in alphabetical order; a definition that runs wins over one that waits. */
export function documentedNodes(): NodeDef[] {
  const byMethod = new Map<string, NodeDef>()
  for (const { def } of operatorEntries) {
    if (def.method !== 'noop' && !byMethod.has(def.method)) byMethod.set(def.method, def)
  }
  return [...byMethod.values()].sort((a, b) => (a.method < b.method ? -1 : 1))
}
