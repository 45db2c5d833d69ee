/** Templates as the API shows them: the whole object, or chosen fields in a list. Thread: main. */
import { Timestamp } from '../columns/values.js'
import { dotOfEdges } from '../compile/dot.js'
import type { ScriptFacts } from '../compile/jobs.js'
import { errorText } from '../errors.js'
import { linkSegment } from '../go/url-path.js'
import { chosenFields, type FieldViews } from './list-fields.js'
import { evaluated } from './script-facts.js'
import type { TemplateManager } from './template-manager.js'
import type { TemplateRecord } from './template-record.js'

export type ScriptFormat = 'formatted' | 'raw'

/** A template and what its script says. */
interface Shown {
  readonly template: TemplateRecord
  readonly format: ScriptFormat
  readonly facts: ScriptFacts
}

/** Every field of a template; `vars` is not among those of lists unless asked for. */
const fields: FieldViews<Shown> = {
  link: ({ template }) => ({ rel: 'self', href: `/kapacitor/v1/templates/${linkSegment(template.id)}` }),
  id: ({ template }) => template.id,
  type: ({ template }) => template.type,
  script: ({ template, format, facts }) => (format === 'raw' ? template.script : facts.formatted),
  vars: ({ facts }) => new Map(Object.entries(facts.evaluated?.vars ?? {})),
  dot: ({ template, facts }) => (facts.evaluated === null ? '' : dotOfEdges(template.id, facts.evaluated.edges)),
  error: ({ facts }) => faultText(facts),
  created: ({ template }) => new Timestamp(template.createdNs),
  modified: ({ template }) => new Timestamp(template.modifiedNs),
}

const listFields = Object.keys(fields).filter((f) => f !== 'vars')

/** The prefix that requests to define it are answered with is part of the error. */
function faultText(facts: ScriptFacts): string {
  try {
    evaluated(facts)
    return ''
  } catch (err) {
    return errorText(err)
  }
}

async function shownOf(templates: TemplateManager, template: TemplateRecord, format: ScriptFormat): Promise<Shown> {
  return { template, format, facts: await templates.factsOf(template) }
}

/** The reply to get, create and update. */
export async function templateView(
  templates: TemplateManager,
  template: TemplateRecord,
  format: ScriptFormat,
): Promise<unknown> {
  const shown = await shownOf(templates, template, format)
  return Object.fromEntries(Object.entries(fields).map(([name, view]) => [name, view(shown)]))
}

/** One element of a list: a map, keys sorted. `id` and `link` are always there. */
export async function templateListItem(
  templates: TemplateManager,
  template: TemplateRecord,
  wanted: readonly string[],
  format: ScriptFormat,
): Promise<Map<string, unknown>> {
  return chosenFields(fields, wanted, await shownOf(templates, template, format), listFields)
}
