/** `ec2Autoscale`: scales an auto scaling group of EC2. Thread: shard worker. */
import type { PipelineNode } from '../../tickscript/node-def.js'
import { textField, textOf } from '../kit/script-props.js'
import type { OperatorEntry } from '../registry-types.js'
import { AutoscaleOperator, type AutoscaleTarget } from './autoscale.js'
import { autoscaleDef } from './autoscale-def.js'

function target(node: PipelineNode): AutoscaleTarget {
  const tag = textOf(node, 'groupNameTag')
  const outputTag = textOf(node, 'outputGroupNameTag') || tag
  return {
    name: textOf(node, 'groupName'),
    tag,
    namespace: '',
    kind: '',
    outputTags: outputTag === '' ? [] : [{ tag: outputTag, part: 'name' }],
  }
}

const def = autoscaleDef({
  prefix: 'ec2',
  goType: 'Ec2AutoscaleNode',
  doc: 'Scales an auto scaling group of EC2.',
  thing: 'Group',
  properties: [textField('outputGroupNameTag', 'Tag of the events for the name; empty is groupNameTag.')],
  target,
})

export const ec2AutoscaleEntry: OperatorEntry = {
  def,
  create: (planned, ctx) => new AutoscaleOperator(planned, ctx, target(planned.node)),
}
