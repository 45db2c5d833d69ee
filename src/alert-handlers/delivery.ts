/** One event on its way to the handlers of one topic. Thread: main. */

import { Duration, Timestamp } from '../columns/values.js'
import { ShardlineError } from '../errors.js'
import { GoList, GoMap, GoStruct, type TemplateValue } from '../templates/index.js'
import { GoEnum } from '../templates/values.js'
import { type AlertEvent, eventJson, levelTexts } from './event-frame.js'
import { decodeRows, type TypedEventRow } from './event-rows.js'

export class Delivery {
  private cached: string | null = null

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
      throw new ShardlineError('event-not-json', `failed to marshal alert data json: ${event.rows.error}`, 500)
    }
    this.cached ??= eventJson(event, this.previousLevel)
    return this.cached
  }

  get level(): string {
    return levelTexts[this.event.level]
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
