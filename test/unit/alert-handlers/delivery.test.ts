/** What templates of post handlers and endpoints see of an event. */
import { describe, expect, it } from 'vitest'
import { Duration, Timestamp } from '../../../src/columns/values.js'
import { compileTextTemplate, jsonFunctions } from '../../../src/templates/index.js'
import { delivery } from '../alerts/events.js'

const cells = { f: 9, i: 9n, s: 'x', d: new Duration(90_000_000_000n), t: new Timestamp(1_500_001_200_500_000_000n) }
const data = delivery({ cells, tags: { host: 'a' } }, 1).templateData()
const render = (source: string) => compileTextTemplate('url', source, jsonFunctions).execute(data)
const each = (body: string) => `{{ range .Data.Series }}{{ range .Values }}${body}{{ end }}{{ end }}`

describe('templates see the rows of an event typed', () => {
  it.each([
    ['{{ if gt (index . 2) 5.0 }}high{{ else }}low{{ end }}', 'high'],
    ['{{ gt (index . 3) 5 }} {{ index . 1 }}', 'true 9007199254740993'],
    ['{{ printf "%.1f %d %s" (index . 2) (index . 3) (index . 4) }}', '9.0 9 x'],
    ['{{ index . 0 }}', '2020-09-13 12:26:40 +0000 UTC'],
    ['{{ (index . 0).Unix }} {{ (index . 6).Format "15:04:05.000" }}', '1600000000 03:00:00.500'],
    ['{{ index . 5 }} {{ (index . 5).Seconds }}', '1m30s 90'],
  ])('%s', (body, expected) => {
    expect(render(each(body))).toBe(expected)
  })

  it('json prints the event as handlers send it', () => {
    expect(render('{{ json . }}')).toBe(delivery({ cells, tags: { host: 'a' } }, 1).json)
    expect(render('{{ json .Data }}')).toBe(
      '{"series":[{"name":"m","columns":["time","v","f","i","s","d","t"],"values":[["2020-09-13T12:26:40Z",9007199254740993,9,9,"x",90000000000,"2017-07-14T03:00:00.5Z"]]}]}\n',
    )
    expect(render('{{ json .Level }} {{ .Level }} {{ .PreviousLevel }} {{ eq .Level 3 }}')).toBe(
      '"CRITICAL"\n CRITICAL INFO true',
    )
  })

  it('names the types of the original in errors', () => {
    expect(() => render('{{ .Nope }}')).toThrow("can't evaluate field Nope in type alert.Data")
    expect(() => render('{{ .Data.Nope }}')).toThrow("can't evaluate field Nope in type models.Result")
    expect(() => render('{{ range .Data.Series }}{{ .Nope }}{{ end }}')).toThrow(
      "can't evaluate field Nope in type *models.Row",
    )
  })

  it('sees values that JSON cannot hold', () => {
    const unencodable = delivery({ unencodable: true }).templateData()
    const template = compileTextTemplate('body', each('{{ index . 1 }} {{ json (index . 1) }}'), jsonFunctions)
    expect(template.execute(unencodable)).toBe('+Inf ')
  })
})
