/** One event on its way to the handlers of one topic. Main thread. */
import { Duration, Timestamp } from '../columns/values.js'
import { ShardlineError } from '../errors.js'
import { type AlertEvent, eventJson, levelTexts } from './event-frame.js'
import { GoList, GoMap, type GoStruct, goStruct, type TemplateValue } from './template/index.js'
import { GoEnum } from './template/values.js'

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
    if (event.jsonError !== '') {
      throw new ShardlineError('event-not-json', `failed to marshal alert data json: ${event.jsonError}`, 500)
    }
    this.cached ??= eventJson(event, this.previousLevel)
    return this.cached
  }

  get level(): string {
    return levelTexts[this.event.level]
  }

  /**
   * What templates of post and endpoints see. Numbers of `.Data` come back from JSON: integral floats print like integers
   * there.
   */
  templateData(): GoStruct {
    const { event } = this
    return goStruct('alert.Data', {
      ID: event.id,
      Message: event.message,
      Details: event.details,
      Time: new Timestamp(event.timeNs),
      Duration: new Duration(event.durationNs),
      Level: levelValue(event.level),
      Data: this.seriesData(),
      PreviousLevel: levelValue(this.previousLevel),
      Recoverable: event.recoverable,
    })
  }

  private seriesData(): TemplateValue {
    if (this.event.jsonError !== '') return goStruct('models.Result', { Series: new GoList('models.Rows', []) })
    const series = (JSON.parse(losslessNumbers(this.json)) as { data: { series: JsonRow[] | null } }).data.series ?? []
    return goStruct('models.Result', {
      Series: new GoList(
        'models.Rows',
        series.map((row) =>
          goStruct('models.Row', {
            Name: row.name ?? '',
            Tags: new GoMap('map[string]string', new Map(Object.entries(row.tags ?? {})), 'string'),
            Columns: new GoList('[]string', row.columns ?? []),
            Values: new GoList(
              '[][]interface {}',
              (row.values ?? []).map((cells) => new GoList('[]interface {}', cells.map(cellValue))),
            ),
          }),
        ),
      ),
    })
  }
}

interface JsonRow {
  name?: string
  tags?: Record<string, string>
  columns?: string[]
  values?: unknown[][]
}

function levelValue(level: number): GoEnum {
  return new GoEnum('alert.Level', BigInt(level), levelTexts[level])
}

/** Integers that a double cannot hold become marked strings before JSON.parse sees them. */
const marker = '\u0001int:'

function losslessNumbers(json: string): string {
  return json.replace(/"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g, (m) => (m[0] === '"' ? m : JSON.stringify(marker + m)))
}

function cellValue(v: unknown): TemplateValue {
  if (typeof v === 'string') return v.startsWith(marker) ? BigInt(v.slice(marker.length)) : v
  if (typeof v === 'number') return Number.isInteger(v) ? BigInt(v) : v
  return typeof v === 'boolean' ? v : undefined
}
