/** `k8sAutoscale`: scales deployments, replica sets or replication controllers of Kubernetes. Thread: shard worker. */
import type { PipelineNode } from '../../tickscript/node-def.js'
import { fail, textField, textOf } from '../kit/script-props.js'
import type { OperatorEntry } from '../registry-types.js'
import { AutoscaleOperator, type AutoscaleTarget } from './autoscale.js'
import { autoscaleDef } from './autoscale-def.js'

const kinds = ['deployments', 'replicasets', 'replicationcontrollers']

function target(node: PipelineNode): AutoscaleTarget {
  const tags = [
    { tag: textOf(node, 'namespaceTag'), part: 'namespace' },
    { tag: textOf(node, 'kindTag'), part: 'kind' },
    { tag: textOf(node, 'resourceTag'), part: 'name' },
  ] as const
  return {
    name: textOf(node, 'resourceName'),
    tag: textOf(node, 'resourceNameTag'),
    namespace: textOf(node, 'namespace') || 'default',
    kind: textOf(node, 'kind'),
    outputTags: tags.filter((t) => t.tag !== ''),
  }
}

const def = autoscaleDef({
  prefix: 'k8s',
  goType: 'K8sAutoscaleNode',
  doc: 'Scales a resource of Kubernetes.',
  thing: 'Resource',
  properties: [
    textField('namespace', 'Namespace; empty is default.'),
    textField('kind', 'deployments, replicasets or replicationcontrollers.', 'deployments'),
    textField('namespaceTag', 'Tag of the events for the namespace.', 'namespace'),
    textField('kindTag', 'Tag of the events for the kind.', 'kind'),
    textField('resourceTag', 'Tag of the events for the resource.', 'resource'),
  ],
  target,
  validate(node) {
    const kind = textOf(node, 'kind')
    if (kinds.includes(kind)) return
    fail('autoscale', `invalid Kind, must be 'deployments', 'replicasets' or 'replicationcontrollers', got ${kind}`)
  },
})

export const k8sAutoscaleEntry: OperatorEntry = {
  def,
  create: (planned, ctx) => new AutoscaleOperator(planned, ctx, target(planned.node)),
}
