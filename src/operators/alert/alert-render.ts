/**
 * Renders an alert's id, message and details from a row or window, for the few rows that need it. Thread: shard worker.
 */

import type { Chunk } from '../../columns/chunk.js'
import { groupTagsOf } from '../../columns/json-encode.js'
import { Duration, Timestamp } from '../../columns/values.js'
import { errorText, TaskFailure } from '../../errors.js'
import {
  compileHtmlTemplate,
  compileTextTemplate,
  GoMap,
  GoStruct,
  goStruct,
  type Template,
  type TemplateValue,
  templateValue,
} from '../../templates/index.js'
import type { PipelineNode } from '../../tickscript/node-def.js'
import type { ServerInfo } from '../../transport/messages.js'
import type { OperatorContext } from '../operator.js'
import { alertDefaults, levelNames, textProp } from './alert-def.js'

const unknownServer: ServerInfo = {
  hostname: 'localhost',
  clusterId: '00000000-0000-0000-0000-000000000000',
  serverId: '00000000-0000-0000-0000-000000000000',
}

/** What the templates show beside the row. */
interface Shown {
  readonly level: number
  readonly timeNs: bigint
  readonly durationNs: bigint
}

export interface Rendered {
  readonly id: string
  readonly message: string
  readonly details: string
  readonly tags: ReadonlyMap<string, string>
  /** As handlers see it: '' for the nil group. */
  readonly group: string
}

export class AlertRenderer {
  private readonly id: Template
  private readonly message: Template
  private readonly details: Template
  private readonly server: GoStruct
  /** `.Vars`, which does not print with the rest: `json .` is what it was. */
  private readonly hidden: ReadonlyMap<string, TemplateValue> | undefined

  constructor(
    node: PipelineNode,
    private readonly ctx: OperatorContext,
  ) {
    this.id = compileTextTemplate('id', textProp(node, 'id', alertDefaults.id))
    this.message = compileTextTemplate('message', textProp(node, 'message', alertDefaults.message))
    this.details = compileHtmlTemplate('details', textProp(node, 'details', alertDefaults.details))
    const vars = new GoMap('map[string]interface {}', node.vars, 'interface {}')
    this.hidden = node.vars.size > 0 ? new Map([['Vars', vars]]) : undefined
    const server = ctx.server ?? unknownServer
    this.server = goStruct('kapacitor.serverInfo', {
      Hostname: server.hostname,
      ClusterID: server.clusterId,
      ServerID: server.serverId,
    })
  }

  /** Tags of an event: all of the point's on a stream edge, the group's on a batch edge. */
  tags(chunk: Chunk, row: number, group: number): Map<string, string> {
    return chunk.windows === null ? chunk.tagsOf(row, group) : groupTagsOf(chunk, group)
  }

  /** `row` is the first row of the window on a batch edge. */
  renderId(chunk: Chunk, row: number, group: number): string {
    const info = this.idInfo(chunk, this.tags(chunk, row, group), chunk.grouping.idText(group))
    return this.run(this.id, this.struct('kapacitor.idInfo', info))
  }

  /** `row` is the row whose fields the event shows. */
  render(chunk: Chunk, row: number, group: number, { level, timeNs, durationNs }: Shown): Rendered {
    const tags = this.tags(chunk, row, group)
    const groupText = chunk.grouping.idText(group)
    // One map grows from the id's data to those of the message and the details.
    const info = this.idInfo(chunk, tags, groupText)
    const id = this.run(this.id, this.struct('kapacitor.idInfo', info))
    const fields = new Map<string, TemplateValue>()
    for (const [k, v] of chunk.fieldsOf(row)) fields.set(k, templateValue(v))
    info.set('ID', id)
    info.set('Fields', new GoMap('map[string]interface {}', fields, 'interface {}'))
    info.set('Level', levelNames[level])
    info.set('Time', new Timestamp(timeNs))
    info.set('Duration', new Duration(durationNs))
    const message = this.run(this.message, this.struct('kapacitor.messageInfo', info))
    info.set('Message', message)
    const details = this.run(this.details, this.struct('kapacitor.detailsInfo', info))
    return { id, message, details, tags, group: groupText }
  }

  private idInfo(chunk: Chunk, tags: ReadonlyMap<string, string>, groupText: string): Map<string, TemplateValue> {
    return new Map<string, TemplateValue>([
      ['Name', chunk.name],
      ['TaskName', this.ctx.taskId],
      ['Group', groupText === '' ? 'nil' : groupText],
      ['Tags', new GoMap('map[string]string', tags, 'string')],
      ['ServerInfo', this.server],
    ])
  }

  private struct(typeName: string, info: ReadonlyMap<string, TemplateValue>): GoStruct {
    return new GoStruct(typeName, info, undefined, this.hidden)
  }

  /** A template that fails stops the task. */
  private run(template: Template, data: TemplateValue): string {
    try {
      return template.execute(data)
    } catch (err) {
      throw new TaskFailure(this.ctx.nodeName, errorText(err))
    }
  }
}
