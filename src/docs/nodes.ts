/** Reference pages of the nodes: what the definitions in operators/ say of themselves, and an example each. */
import { Duration } from '../columns/values.js'
import { evaluateScript } from '../compile/evaluate-script.js'
import { operatorEntries } from '../operators/registry.js'
import { influxDuration } from '../tickscript/literals.js'
import type {
  ArgDef,
  HandlerDef,
  HandlerPropertyDef,
  NodeDef,
  NodeEffects,
  PropertyDef,
  ScriptValue,
} from '../tickscript/node-def.js'
import { Star } from '../tickscript/node-def.js'
import type { Example } from './example.js'
import { block, code, page, table } from './markdown.js'

/** Nodes that scripts can name, in alphabetical order; a definition that runs wins over one that waits. */
export function documentedNodes(): NodeDef[] {
  const byMethod = new Map<string, NodeDef>()
  for (const { def } of operatorEntries) {
    if (def.method !== 'noop' && !byMethod.has(def.method)) byMethod.set(def.method, def)
  }
  return [...byMethod.values()].sort((a, b) => (a.method < b.method ? -1 : 1))
}

export function nodeIndex(defs: readonly NodeDef[]): string {
  const rows = defs.map((def) => [`[${def.method}](${def.method}.md)`, edgesOf(def), firstSentence(def.doc)])
  return page([
    '# Nodes',
    '',
    'A TICKscript is a graph of nodes: `|node()` makes a node behind another one, `.property()` sets a property of it.',
    '',
    ...table(['node', 'edges', 'what it does'], rows),
    '',
    'Examples write points as line protocol with times in seconds; `batch NAME TIME` heads a batch, whose points are indented.',
    'They run as tests.',
  ])
}

function firstSentence(doc: string): string {
  return /^.*?[.:](?=\s|$)/s.exec(doc)?.[0].replace(/:$/, '.') ?? doc
}

const isSource = (def: NodeDef): boolean => def.method === 'stream' || def.method === 'batch'

function edgesOf(def: NodeDef): string {
  if (isSource(def)) return `source of ${def.method === 'stream' ? 'points' : 'batches'}`
  if (def.observes === true) return 'watches a node, emits points'
  const input = { stream: 'points', batch: 'batches', any: 'points or batches' }[def.accepts]
  if (def.emits === 'none') return `${input} in, nothing out`
  if (def.emits === 'same') return `${input} in, the same out`
  if (typeof def.emits === 'function') return `${input} in`
  return `${input} in, ${def.emits === 'batch' ? 'batches' : 'points'} out`
}

export function nodePage(def: NodeDef, example: Example | undefined): string {
  const call = isSource(def) ? def.method : `|${def.method}(${def.args.map(argText).join(', ')})`
  const lines = [`# ${def.method}`, '', code(call), '', def.doc, '']
  if (def.unsupported !== undefined) lines.push(`**Does not run yet:** ${def.unsupported}.`, '')
  lines.push(...factsOf(def), '')
  if (def.args.length > 0) {
    lines.push(
      '## Arguments',
      '',
      ...table(
        ['argument', 'type'],
        def.args.map((a) => [code(a.name), typeText(a)]),
      ),
      '',
    )
  }
  lines.push(...propertiesOf(def.properties, '## Properties'))
  lines.push(...countersOf(def))
  lines.push(...effectsOf(def, example))
  if (def.handlers !== undefined) lines.push('## Handlers', '', ...handlerTable(def.handlers), '')
  if (example !== undefined) lines.push(...exampleLines(example))
  return page(lines)
}

function factsOf(def: NodeDef): string[] {
  const rows = [['edges', edgesOf(def)]]
  if (def.chain !== undefined) rows.push(['what can follow', def.chain.map((m) => `[${m}](${m}.md)`).join(', ')])
  rows.push(['name in DOT and logs', code(`${def.kind}N`)])
  return table(['', ''], rows)
}

const typeNames: Record<ArgDef['type'], string> = {
  int: 'int',
  float: 'float',
  string: 'string',
  bool: 'bool',
  duration: 'duration',
  lambda: 'lambda',
  star: '`*`',
  regex: 'regex',
  node: 'node',
  dimension: 'string or `*`',
  number: 'int or float',
  any: 'any',
}

function typeText(arg: ArgDef): string {
  const type = typeNames[arg.type]
  return arg.variadic === true ? `${type}, any number` : arg.optional === true ? `${type}, optional` : type
}

export function argText(arg: ArgDef): string {
  return arg.variadic === true ? `${arg.name}…` : arg.optional === true ? `[${arg.name}]` : arg.name
}

export function propertiesOf(properties: readonly (PropertyDef | HandlerPropertyDef)[], title: string): string[] {
  if (properties.length === 0) return []
  const rows = properties.map((p) => {
    const types = p.args.map((a) => (p.args.length > 1 ? `${a.name} ${typeText(a)}` : typeText(a))).join('; ')
    return [code(`.${p.name}(${p.args.map(argText).join(', ')})`), types, defaultText(p), p.doc]
  })
  const lines = table(['property', 'type', 'default', 'meaning'], rows)
  return title === '' ? [...lines, ''] : [title, '', ...lines, '']
}

function defaultText({ default: value, form }: PropertyDef | HandlerPropertyDef): string {
  if (value === undefined || value === null) return ''
  if (form === 'flag') return value === true ? 'set' : 'not set'
  return code(valueText(value))
}

function valueText(value: ScriptValue): string {
  if (value instanceof Duration) return influxDuration(value.ns)
  if (value instanceof Star) return '*'
  if (typeof value === 'string') return `'${value.replaceAll("'", "\\'")}'`
  if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE'
  if (typeof value === 'number') return Number.isInteger(value) ? `${value}.0` : String(value)
  return Array.isArray(value) ? `[${value.map(valueText).join(', ')}]` : String(value)
}

function countersOf(def: NodeDef): string[] {
  const own = (def.counters ?? []).map(code)
  const common = ['avg_exec_time_ns', 'errors', 'working_cardinality', 'collected', 'emitted'].map(code)
  return ['## Counters', '', `${common.join(', ')}${own.length === 0 ? '' : `; its own: ${own.join(', ')}`}.`, '']
}

/** What the node means for the plan, as it stands in the example. */
function effectsOf(def: NodeDef, example: Example | undefined): string[] {
  if (example === undefined || def.effects === undefined) return []
  const { pipeline } = evaluateScript(example.script, {})
  const node = pipeline.nodes.find((n) => n.def.method === def.method)
  if (node === undefined) return []
  const lines = effectLines(def.effects(node))
  return lines.length === 0 ? [] : ['## Effects on the plan', '', ...lines.map((line) => `- ${line}`), '']
}

function effectLines(effects: NodeEffects): string[] {
  const lines: string[] = []
  if (effects.pinned !== undefined) lines.push(`The task runs on one shard: the node ${effects.pinned}.`)
  if (effects.stateful === true) lines.push('Keeps state per group: the tags it is grouped by bound the partition key.')
  if (effects.grouping !== undefined) lines.push('Groups what comes behind it anew.')
  if ((effects.writesTags ?? []).length > 0) {
    lines.push('Tags that it writes or removes do not count for the partition key of groupings behind it.')
  }
  if (effects.wholeFields === true || effects.wholeTags === true) {
    lines.push('Hands out or keeps whole points: all fields and tags are needed.')
  }
  if (effects.keepsFields !== undefined) lines.push('Only the fields that it names or makes go on.')
  if (effects.groupTagsOnly === true) lines.push('Only the tags of the group go on.')
  if (lines.length === 0) lines.push('None: it keeps nothing between points.')
  return lines
}

function handlerTable(handlers: readonly HandlerDef[]): string[] {
  const rows = handlers.map((h) => {
    const call = code(`.${h.method}(${h.args.map(argText).join(', ')})`)
    return [call, h.doc, `[${h.kind}](../handlers/${h.kind}.md)`]
  })
  return table(['method', 'what it does', 'properties'], rows)
}

function exampleLines({ title, script, input, output }: Example): string[] {
  const lines = ['## Example', '', title, '', ...block(script, 'tickscript'), '']
  if (input !== '') lines.push('Input:', '', ...block(input), '')
  if (output !== '') lines.push('Output:', '', ...block(output), '')
  return lines
}
