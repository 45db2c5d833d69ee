/** `swarmAutoscale`: scales a service of Docker Swarm. Thread: shard worker. */
import type { PipelineNode } from '../../tickscript/node-def.js'
import { textField, textOf } from '../kit/script-props.js'
import type { OperatorEntry } from '../registry-types.js'
import { AutoscaleOperator, type AutoscaleTarget } from './autoscale.js'
import { autoscaleDef } from './autoscale-def.js'

function target(node: PipelineNode): AutoscaleTarget {
  const tag = textOf(node, 'serviceNameTag')
  const outputTag = textOf(node, 'outputServiceNameTag') || tag
  return {
    name: textOf(node, 'serviceName'),
    tag,
    namespace: '',
    kind: '',
    outputTags: outputTag === '' ? [] : [{ tag: outputTag, part: 'name' }],
  }
}

const def = autoscaleDef({
  prefix: 'swarm',
  goType: 'SwarmAutoscaleNode',
  doc: 'Scales a service of Docker Swarm.',
  thing: 'Service',
  properties: [textField('outputServiceNameTag', 'Tag of the events for the name; empty is serviceNameTag.')],
  target,
})

export const swarmAutoscaleEntry: OperatorEntry = {
  def,
  create: (planned, ctx) => new AutoscaleOperator(planned, ctx, target(planned.node)),
}
