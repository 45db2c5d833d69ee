/** Templates as the API shows them: the whole object, or chosen fields in a list. Main thread. */
import { Timestamp } from '../columns/values.js'
import { bareDot } from '../compile/dot.js'
import { ShardlineError } from '../errors.js'
import { linkSegment } from '../go/url-path.js'
import type { DeadmanDefaults } from '../tickscript/deadman.js'
import type { Evaluation } from '../tickscript/evaluate.js'
import { formatScript } from './compile-script.js'
import { chosenFields, type FieldViews } from './list-fields.js'
import { evaluateTemplate, type TemplateRecord } from './template-record.js'

export interface TemplateViewOptions {
  readonly format: 'formatted' | 'raw'
  readonly deadman: DeadmanDefaults | undefined
}

/** A template and its evaluation, or the reason why it has none any more. */
class Shown {
  #evaluated: { readonly evaluation: Evaluation | undefined; readonly error: string } | undefined

  constructor(
    readonly template: TemplateRecord,
    readonly options: TemplateViewOptions,
  ) {}

  get evaluated(): { readonly evaluation: Evaluation | undefined; readonly error: string } {
    this.#evaluated ??= this.#evaluate()
    return this.#evaluated
  }

  #evaluate(): { readonly evaluation: Evaluation | undefined; readonly error: string } {
    try {
      return { evaluation: evaluateTemplate(this.template.script, this.options.deadman), error: '' }
    } catch (err) {
      if (err instanceof ShardlineError) return { evaluation: undefined, error: err.message }
      throw err
    }
  }
}

function varsView({ evaluated }: Shown): Map<string, unknown> {
  return new Map(Object.entries(evaluated.evaluation?.vars ?? {}))
}

/** Every field of a template; `vars` is not among those of lists unless asked for. */
const fields: FieldViews<Shown> = {
  link: ({ template }) => ({ rel: 'self', href: `/kapacitor/v1/templates/${linkSegment(template.id)}` }),
  id: ({ template }) => template.id,
  type: ({ template }) => template.type,
  script: ({ template, options }) => (options.format === 'raw' ? template.script : formatScript(template.script)),
  vars: varsView,
  dot: ({ template, evaluated }) =>
    evaluated.evaluation === undefined ? '' : bareDot(template.id, evaluated.evaluation.pipeline),
  error: ({ evaluated }) => evaluated.error,
  created: ({ template }) => new Timestamp(template.createdNs),
  modified: ({ template }) => new Timestamp(template.modifiedNs),
}

const listFields = Object.keys(fields).filter((f) => f !== 'vars')

/** The reply to get, create and update. */
export function templateView(template: TemplateRecord, options: TemplateViewOptions): unknown {
  const shown = new Shown(template, options)
  return Object.fromEntries(Object.entries(fields).map(([name, view]) => [name, view(shown)]))
}

/** One element of a list: a map, keys sorted. `id` and `link` are always there. */
export function templateListItem(
  template: TemplateRecord,
  wanted: readonly string[],
  options: TemplateViewOptions,
): Map<string, unknown> {
  return chosenFields(fields, wanted, new Shown(template, options), listFields)
}
