/** `node|deadman(threshold, interval, lambda…)`: stats, derivative and alert in one call. Thread: any. */

import type { Duration } from '../columns/values.js'
import { ShardlineError } from '../errors.js'
import { goDuration } from '../go/go-duration.js'
import type { Expression, Position } from './ast.js'
import type { Methods } from './calls.js'
import { Lambda, type NodeDef, type PipelineNode, type ScriptValue } from './node-def.js'
import { newNode, type PipelineBuilder } from './pipeline-builder.js'

/** Section `[deadman]` of the configuration. */
export interface DeadmanDefaults {
  readonly id: string
  readonly message: string
  /** Every task gets one on its source, with these two. */
  readonly global: boolean
  readonly threshold: number
  readonly intervalNs: bigint
}

export const defaultDeadman: DeadmanDefaults = {
  id: "{{ .Group }}:NODE_NAME for task '{{ .TaskName }}'",
  message:
    '{{ .ID }} is {{ if eq .Level "OK" }}alive{{ else }}dead{{ end }}: ' +
    '{{ index .Fields "emitted" | printf "%0.3f" }} points/INTERVAL.',
  global: false,
  threshold: 0,
  intervalNs: 10_000_000_000n,
}

const pos: Position = { offset: 0, line: 1, char: 1 }

export function deadmanComposite(
  methods: Methods,
  builder: PipelineBuilder,
  defaults: DeadmanDefaults,
): (node: PipelineNode, args: ScriptValue[]) => PipelineNode {
  const def = (method: string): NodeDef => {
    const found = methods.get(method)
    if (found === undefined) {
      throw new ShardlineError('unsupported', 'deadman is not supported yet')
    }
    return found
  }
  return (watched, [threshold, interval, ...expressions]) => {
    const stats = builder.observer(def('stats'), watched)
    construct(stats, [interval!])
    stats.props.align = true
    const derivative = newNode(def('derivative'))
    builder.link(stats, derivative)
    derivative.edge = 'stream'
    construct(derivative, ['emitted'])
    derivative.props.unit = interval!
    derivative.props.nonNegative = true
    const alert = newNode(def('alert'))
    builder.link(derivative, alert)
    alert.edge = 'stream'
    construct(alert, [])
    alert.props.id = defaults.id.replace('NODE_NAME', () => watched.name)
    alert.props.message = defaults.message.replace('INTERVAL', () => goDuration((interval as Duration).ns))
    alert.props.crit = crit(threshold as number, expressions as Lambda[])
    return alert
  }
}

function construct(node: PipelineNode, args: ScriptValue[]): void {
  const { def } = node
  if (def.construct !== undefined) def.construct(node, args)
  else
    def.args.forEach((arg, i) => {
      if (i < args.length) node.props[arg.name] = args[i]
    })
}

function crit(threshold: number, expressions: readonly Lambda[]): Lambda {
  let expression: Expression = {
    type: 'binary',
    op: '<=',
    left: { type: 'reference', name: 'emitted', pos },
    right: { type: 'number', value: threshold, pos },
    parens: false,
    multiLine: false,
    pos,
  }
  for (const { expression: right } of expressions) {
    expression = { type: 'binary', op: 'AND', left: expression, right, parens: false, multiLine: false, pos }
  }
  return new Lambda({ type: 'lambda', expression, pos })
}
