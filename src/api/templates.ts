/** /kapacitor/v1/templates: list, create, get, update, delete. Thread: main. */
import { ShardlineError } from '../errors.js'
import { basePath } from '../http/api.js'
import type { Call } from '../http/call.js'
import type { Router } from '../http/router.js'
import { listParams, pageOf } from '../tasks/list-params.js'
import { decodeTemplateRequest } from '../tasks/task-request.js'
import { scriptFormatOf } from '../tasks/task-view.js'
import type { TemplateManager } from '../tasks/template-manager.js'
import { templateListItem, templateView } from '../tasks/template-view.js'

const path = `${basePath}/templates`
const prefix = `${path}/`
/** Largest create or update request. */
const maxRequestBytes = 4 << 20

export function addTemplates(router: Router, templates: TemplateManager): void {
  router.add('GET', path, (call) => list(call, templates))
  router.add('POST', path, async (call) => {
    const request = decodeTemplateRequest(await call.body(maxRequestBytes))
    call.json(200, await templateView(templates, await templates.create(request), 'formatted'))
  })
  router.add('GET', prefix, async (call) => {
    const template = templates.get(idOf(call))
    if (template === undefined) throw new ShardlineError('no-template', 'no template exists')
    call.json(200, await templateView(templates, template, formatOf(call)))
  })
  router.add('PATCH', prefix, async (call) => {
    const request = decodeTemplateRequest(await call.body(maxRequestBytes))
    call.json(200, await templateView(templates, await templates.update(idOf(call), request), 'formatted'))
  })
  router.add('DELETE', prefix, async (call) => {
    await templates.delete(idOf(call))
    call.empty(204)
  })
}

const formatOf = (call: Call): 'formatted' | 'raw' => scriptFormatOf(call.query.get('script-format') ?? '')

function idOf(call: Call): string {
  const id = call.rest(prefix)
  if (id === '') throw new ShardlineError('no-template-id', 'must specify template id on path')
  return id
}

async function list(call: Call, templates: TemplateManager): Promise<void> {
  const params = listParams(call.query)
  const format = formatOf(call)
  const page = pageOf(templates.list(), (t) => t.id, params)
  const items: unknown[] = []
  // One after the other, as with tasks.
  for (const template of page) items.push(await templateListItem(templates, template, params.fields, format))
  call.json(200, { templates: items })
}
