/**
 * `alert` as TICKscript sees it: properties, defaults and checks (spec alerts 2). Thread: any.
 */

import { checkScriptHandler, scriptMethods } from '../../alert-handlers/registry.js'
import { ShardlineError } from '../../errors.js'
import { compileHtmlTemplate, compileTextTemplate } from '../../templates/index.js'
import { checkVars } from '../../templates/vars.js'
import type { ArgDef, NodeDef, PipelineNode, PropertyDef, ScriptValue } from '../../tickscript/node-def.js'
import { lambdaFacts } from '../kit/lambda-facts.js'
import { tagsOfId } from './alert-id.js'

export const levelNames = ['OK', 'INFO', 'WARNING', 'CRITICAL'] as const

/** Property names of predicates and resets by level; index 0 (OK) has none. */
export const predicateProps = ['', 'info', 'warn', 'crit'] as const
export const resetProps = ['', 'infoReset', 'warnReset', 'critReset'] as const

const defaultId = '{{ .Name }}:{{ .Group }}'
const defaultMessage = '{{ .ID }} is {{ .Level }}'
const defaultDetails = '{{ json . }}'

function field(name: string, type: ArgDef['type'], doc: string, value: ScriptValue | null): PropertyDef {
  return { name, doc, form: 'field', args: [{ name, type }], default: value }
}

const lambda = (name: string, doc: string) => field(name, 'lambda', doc, null)
const text = (name: string, doc: string, value = '') => field(name, 'string', doc, value)
const flag = (name: string, doc: string): PropertyDef => ({ name, doc, form: 'flag', args: [], default: false })

const annotations = [
  ['levelField', 'string'],
  ['idField', 'string'],
  ['messageField', 'string'],
  ['durationField', 'int'],
] as const

/** One call of `.inhibit(category, tags…)`. */
export interface InhibitCall {
  readonly category: string
  readonly tags: readonly string[]
}

export function inhibitCalls(node: PipelineNode): InhibitCall[] {
  const calls = Array.isArray(node.props.inhibit) ? node.props.inhibit : []
  return calls.map((c) => {
    const [category, ...tags] = (c as ScriptValue[]).map(String)
    return { category, tags }
  })
}

/** Topic of the handlers that the script gives the node. */
export function anonymousTopic(taskId: string, nodeName: string, taskMaster = 'main'): string {
  return `${taskMaster}:${taskId}:${nodeName}`
}

export const alertDef: NodeDef = {
  method: 'alert',
  kind: 'alert',
  goType: 'AlertNode',
  methodsReturn: 'AlertNodeData',
  doc: 'Gives each point or batch a level, and sends an event to handlers and topics when the level asks for it.',
  accepts: 'any',
  emits: 'same',
  args: [],
  properties: [
    lambda('info', 'Predicate of level INFO.'),
    lambda('warn', 'Predicate of level WARNING.'),
    lambda('crit', 'Predicate of level CRITICAL.'),
    lambda('infoReset', 'Must hold before INFO may be left downwards.'),
    lambda('warnReset', 'Must hold before WARNING may be left downwards.'),
    lambda('critReset', 'Must hold before CRITICAL may be left downwards.'),
    text('id', 'Template of the event id; `{{ .Vars.name }}` is a var of the task.', defaultId),
    text('message', 'Template of the message; `{{ .Vars.name }}` is a var of the task.', defaultMessage),
    text(
      'details',
      'HTML template of the details. Values are escaped for the place where they stand; `{{ safeHTML .Message }}` is HTML as it is, `{{ .Vars.name }}` a var of the task.',
      defaultDetails,
    ),
    text('topic', 'Topic that also gets the events.'),
    text('category', 'Category of the events, which inhibitors look at.'),
    {
      name: 'inhibit',
      doc: 'While this node is not OK, events of the category with equal values of these tags are not delivered.',
      form: 'method',
      args: [
        { name: 'category', type: 'string' },
        { name: 'tags', type: 'string', variadic: true },
      ],
      apply(node, args) {
        const old = node.props.inhibit
        node.props.inhibit = [...(Array.isArray(old) ? old : []), args.flat()]
      },
    },
    field('history', 'int', 'Number of levels remembered for flapping, at least 2.', 21n),
    {
      name: 'flapping',
      doc: 'Suppresses events while the share of level changes is high: from above `high` until below `low`.',
      form: 'method',
      args: [
        { name: 'low', type: 'float' },
        { name: 'high', type: 'float' },
      ],
      apply(node, args) {
        node.props.flapLow = args[0]
        node.props.flapHigh = args[1]
      },
    },
    {
      name: 'stateChangesOnly',
      doc: 'Only events whose level changed, and repeats after the optional interval.',
      form: 'method',
      args: [{ name: 'maxInterval', type: 'duration', variadic: true, optional: true }],
      apply(node, args) {
        node.props.stateChangesOnly = true
        const [interval] = args.flat()
        if (interval !== undefined) node.props.maxInterval = interval
      },
    },
    flag('noRecoveries', 'No OK events.'),
    flag('all', 'Batches: all points must reach the level.'),
    text('levelTag', 'Tag that gets the level.'),
    text('idTag', 'Tag that gets the id.'),
    text('levelField', 'Field that gets the level.'),
    text('idField', 'Field that gets the id.'),
    text('messageField', 'Field that gets the message.'),
    text('durationField', 'Field that gets the duration, ns.'),
  ],
  handlers: scriptMethods,
  counters: [
    'alerts_triggered',
    'alerts_inhibited',
    'oks_triggered',
    'infos_triggered',
    'warns_triggered',
    'crits_triggered',
  ],
  check(node) {
    compileTextTemplate('id', textProp(node, 'id', defaultId))
    compileTextTemplate('message', textProp(node, 'message', defaultMessage))
    compileHtmlTemplate('details', textProp(node, 'details', defaultDetails))
    const vars = new Set(node.vars.keys())
    for (const name of ['id', 'message', 'details']) checkVars(name, textProp(node, name, ''), vars)
    for (const h of node.handlers) checkScriptHandler(h.kind, h.props)
    const { flapLow, flapHigh } = node.props
    if (typeof flapLow === 'number' && typeof flapHigh === 'number' && (flapLow > 1 || flapHigh > 1)) {
      throw new ShardlineError('bad-alert', 'alert flap thresholds are percentages and should be between 0 and 1')
    }
  },
  effects(node) {
    const { props } = node
    const facts = lambdaFacts([...predicateProps, ...resetProps].map((p) => (p === '' ? null : props[p])))
    const annotated = ['levelTag', 'idTag'].map((p) => textProp(node, p, '')).filter((t) => t !== '')
    const inhibits = inhibitCalls(node).flatMap((c) => c.tags)
    return {
      reads: [...new Set([...facts.references, ...inhibits])],
      wholeFields: true,
      wholeTags: true,
      stateful: true,
      stateTags: tagsOfId(textProp(node, 'id', defaultId)) ?? undefined,
      stateTagsWhy: 'as its groups may share an alert id',
      writesTags: annotated,
      makesFields: annotations.flatMap(([prop, type]) => {
        const name = textProp(node, prop, '')
        return name === '' ? [] : [[name, type] as const]
      }),
      // A batch that gets tags is grouped by all its tags from here on.
      grouping: node.edge === 'batch' && annotated.length > 0 ? { dims: '*', byName: false } : undefined,
      pinned:
        facts.stateful || facts.shared ? 'shares the state of its level expressions between all groups' : undefined,
    }
  },
}

export function textProp(node: PipelineNode, name: string, fallback: string): string {
  const v = node.props[name]
  return typeof v === 'string' ? v : fallback
}

export const alertDefaults = { id: defaultId, message: defaultMessage, details: defaultDetails }
