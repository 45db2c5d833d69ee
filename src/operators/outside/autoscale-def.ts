/** The definition that the autoscale nodes share: common properties, checks, effects. Thread: any. */
import type { NodeDef, PipelineNode, PropertyDef } from '../../tickscript/node-def.js'
import { lambdaFacts } from '../kit/lambda-facts.js'
import { durationField, fail, intOf, textField, textOf, valueField } from '../kit/script-props.js'
import type { AutoscaleTarget } from './autoscale.js'

export interface AutoscaleKind {
  /** `k8s`: `k8sAutoscale`, `k8s_autoscale`. */
  readonly prefix: string
  readonly goType: string
  readonly doc: string
  /** What is scaled, as properties name it: `Resource`, `Service`, `Group`. */
  readonly thing: string
  readonly properties: readonly PropertyDef[]
  readonly target: (node: PipelineNode) => AutoscaleTarget
  readonly validate?: (node: PipelineNode) => void
}

/** The property `resourceName` of a thing `Resource`, or `resourceNameTag`. */
export function nameProperty(thing: string, suffix: 'Name' | 'NameTag'): string {
  return thing.charAt(0).toLowerCase() + thing.slice(1) + suffix
}

export function autoscaleDef(kind: AutoscaleKind): NodeDef {
  const { prefix, thing, target } = kind
  const name = nameProperty(thing, 'Name')
  const nameTag = nameProperty(thing, 'NameTag')
  return {
    method: `${prefix}Autoscale`,
    kind: `${prefix}_autoscale`,
    goType: kind.goType,
    doc: kind.doc,
    accepts: 'any',
    emits: 'stream',
    args: [],
    counters: ['increase_events', 'decrease_events', 'cooldown_drops'],
    properties: [
      textField('cluster', 'Name of a cluster configuration; empty is the only one.'),
      valueField('min', 'int', 'Fewest replicas.', 1n),
      valueField('max', 'int', 'Most replicas; 0 is no limit.', 0n),
      valueField('replicas', 'lambda', 'Wanted number of replicas, an int.', null),
      textField('currentField', 'Name of the current number (an int) in the expression.'),
      durationField('increaseCooldown', 'Shortest time between increases.'),
      durationField('decreaseCooldown', 'Shortest time between decreases.'),
      textField(name, 'Name of what is scaled.'),
      textField(nameTag, 'Tag that names what is scaled.'),
      ...kind.properties,
    ],
    validate(node) {
      if ((textOf(node, name) === '') === (textOf(node, nameTag) === '')) {
        fail('autoscale', `must specify exactly one of ${thing}Name or ${thing}NameTag`)
      }
      kind.validate?.(node)
      if (intOf(node, 'min') < 1n) fail('autoscale', `min must be >= 1, got ${intOf(node, 'min')}`)
      if (node.props.replicas === null) fail('autoscale', 'must provide a replicas lambda expression')
    },
    effects(node) {
      const facts = lambdaFacts([node.props.replicas])
      const { tag, outputTags } = target(node)
      return {
        reads: tag === '' ? facts.references : [...facts.references, tag],
        keepsFields: [],
        makesFields: [
          ['old', 'int'],
          ['new', 'int'],
        ],
        groupTagsOnly: true,
        writesTags: outputTags.map((t) => t.tag),
        pinned: 'keeps the state of what it scales for all groups together',
      }
    },
  }
}
