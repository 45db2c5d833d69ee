/** /kapacitor/v1/templates: list, create, get, update, delete. Main thread. */
import { ShardlineError } from '../errors.js'
import { basePath } from '../http/api.js'
import type { Call } from '../http/call.js'
import type { Router } from '../http/router.js'
import { listParams, pageOf } from '../tasks/list-params.js'
import { decodeTemplateRequest } from '../tasks/task-request.js'
import { scriptFormatOf } from '../tasks/task-view.js'
import type { TemplateManager } from '../tasks/template-manager.js'
import { type TemplateViewOptions, templateListItem, templateView } from '../tasks/template-view.js'

const path = `${basePath}/templates`
const prefix = `${path}/`
/** Largest create or update request. */
const maxRequestBytes = 16 << 20

export function addTemplates(router: Router, templates: TemplateManager): void {
  const { deadman } = templates
  const formatted: TemplateViewOptions = { format: 'formatted', deadman }
  router.add('GET', path, (call) => list(call, templates))
  router.add('POST', path, async (call) => {
    call.json(
      200,
      templateView(await templates.create(decodeTemplateRequest(await call.body(maxRequestBytes))), formatted),
    )
  })
  router.add('GET', prefix, (call) => {
    const template = templates.get(idOf(call))
    if (template === undefined) throw new ShardlineError('no-template', 'no template exists', 404)
    call.json(200, templateView(template, { format: formatOf(call), deadman }))
  })
  router.add('PATCH', prefix, async (call) => {
    const request = decodeTemplateRequest(await call.body(maxRequestBytes))
    call.json(200, templateView(await templates.update(idOf(call), request), formatted))
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

function list(call: Call, templates: TemplateManager): void {
  const params = listParams(call.query)
  const options: TemplateViewOptions = { format: formatOf(call), deadman: templates.deadman }
  const page = pageOf(templates.list(), (t) => t.id, params)
  call.json(200, { templates: page.map((t) => templateListItem(t, params.fields, options)) })
}
