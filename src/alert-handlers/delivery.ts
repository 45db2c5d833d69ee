/** One event on its way to the handlers of one topic. Thread: main. */

import { Duration, Timestamp } from '../columns/values.js'
import { ShardlineError } from '../errors.js'
import { GoList, GoMap, GoStruct, type TemplateValue } from '../templates/index.js'
import { GoEnum } from '../templates/values.js'
import { type AlertEvent, eventJson, levelTexts } from './event-frame.js'
import { decodeFields, decodeRows, type EventCell, type TypedEventRow } from './event-rows.js'

export class Delivery {
  private cached: string | null = null
  private decodedFields: ReadonlyMap<string, EventCell> | null = null

  constructor(
    readonly topic: string,
    readonly event: AlertEvent,
    readonly previousLevel: number,
    /** Topics that handed the event on before this one. */
    readonly hops = 0,
  ) {}

  /** The event as one line of JSON with its line end. Throws when it cannot be encoded. */
  get json(): string {
    const { event } = this
    if (event.rows.error !== '') {
      throw new ShardlineError('event-not-json', `failed to marshal alert data json: ${event.rows.error}`)
    }
    this.cached ??= eventJson(event, this.previousLevel)
    return this.cached
  }

  get level(): string {
    return levelTexts[this.event.level]
  }

  /** Of the point that the event is about: in a batch, the one with the highest level. */
  get fields(): ReadonlyMap<string, EventCell> {
    this.decodedFields ??= decodeFields(this.event.fields)
    return this.decodedFields
  }

  /** What templates of other handlers see; `vars` are those of the task. */
  handlerData(vars: ReadonlyMap<string, TemplateValue>): GoStruct {
    const { event } = this
    const fields = new Map([...this.fields].sort(([a], [b]) => (a < b ? -1 : 1)))
    return new GoStruct(
      'alert.TemplateData',
      new Map<string, TemplateValue>([
        ['ID', event.id],
        ['Message', event.message],
        ['Level', this.level],
        ['Time', new Timestamp(event.timeNs)],
        ['Duration', new Duration(event.durationNs)],
        ['Details', event.details],
        ['Name', event.name],
        ['TaskName', event.taskId],
        ['Group', event.group],
        ['Tags', new GoMap('map[string]string', event.tags, 'string')],
        ['Fields', new GoMap('map[string]interface {}', fields, 'interface {}')],
      ]),
      undefined,
      new Map([['Vars', new GoMap('map[string]interface {}', vars, 'interface {}')]]),
    )
  }

  /** What templates of post and endpoints see: cells have the types that they had in the task. */
  templateData(): GoStruct {
    const { event } = this
    const series = decodeRows(event.rows)
    return new GoStruct(
      'alert.Data',
      new Map<string, TemplateValue>([
        ['ID', event.id],
        ['Message', event.message],
        ['Details', event.details],
        ['Time', new Timestamp(event.timeNs)],
        ['Duration', new Duration(event.durationNs)],
        ['Level', levelValue(event.level)],
        ['Data', resultValue(series)],
        ['PreviousLevel', levelValue(this.previousLevel)],
        ['Recoverable', event.recoverable],
      ]),
      dataMembers,
    )
  }
}

/** Names in the event's JSON. */
const dataMembers = {
  omitEmpty: false,
  names: {
    ID: 'id',
    Message: 'message',
    Details: 'details',
    Time: 'time',
    Duration: 'duration',
    Level: 'level',
    Data: 'data',
    PreviousLevel: 'previousLevel',
    Recoverable: 'recoverable',
  },
}
const resultMembers = { omitEmpty: false, names: { Series: 'series' } }
const rowMembers = { omitEmpty: true, names: { Name: 'name', Tags: 'tags', Columns: 'columns', Values: 'values' } }

function levelValue(level: number): GoEnum {
  return new GoEnum('alert.Level', BigInt(level), levelTexts[level], true)
}

function resultValue(series: readonly TypedEventRow[] | null): GoStruct {
  const rows = new GoList('models.Rows', series?.map(rowValue) ?? [], series === null)
  return new GoStruct('models.Result', new Map([['Series', rows]]), resultMembers)
}

function rowValue(row: TypedEventRow): GoStruct {
  const values = row.values.map((cells) => new GoList('[]interface {}', cells))
  return new GoStruct(
    '*models.Row',
    new Map<string, TemplateValue>([
      ['Name', row.name],
      ['Tags', new GoMap('map[string]string', row.tags, 'string')],
      ['Columns', new GoList('[]string', row.columns)],
      ['Values', new GoList('[][]interface {}', values)],
    ]),
    rowMembers,
  )
}
