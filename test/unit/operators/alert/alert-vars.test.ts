/** Vars of the task in the templates of its alerts. */
import { describe, expect, it } from 'vitest'
import { type ScriptOptions, ScriptTask } from '../script-task.js'

const head = `
var limit = 2.5
var n = 3
var name = 'cpu <load>'
var period = 90s
var on = TRUE
var list = ['a']
var cond = lambda: "v" > limit
stream|from()|alert().crit(cond)`

function events(properties: string, options: ScriptOptions = {}, script = head) {
  const task = new ScriptTask(script + properties, options)
  task.write('m v=9 @1')
  return task.events
}

describe('vars in templates of alerts', () => {
  it('print in id, message and details', () => {
    const text = '{{ .Vars.limit }}|{{ .Vars.n }}|{{ index .Vars "name" }}|{{ .Vars.period }}|{{ .Vars.on }}'
    const [e] = events(`.id('${text}').message('${text}').details('${text}')`)
    expect(e.id).toBe('2.5|3|cpu <load>|1m30s|true')
    expect(e.message).toBe(e.id)
    expect(e.details).toBe('2.5|3|cpu &lt;load&gt;|1m30s|true')
  })

  it('have their types', () => {
    const message =
      '{{ printf "%T %T %T" .Vars.limit .Vars.n .Vars.period }} {{ gt .Vars.limit 2.0 }} {{ .Vars.period.Seconds }}'
    expect(events(`.message('${message}')`)[0].message).toBe('float64 int64 time.Duration true 90')
  })

  it('are those given with the task', () => {
    const vars = { limit: { type: 'float', value: 7.25 }, name: { type: 'string', value: 'x' } }
    expect(events(`.message('{{ .Vars.limit }} {{ .Vars.name }}')`, { vars })[0].message).toBe('7.25 x')
  })

  it('do not show where the whole data are printed', () => {
    const [e] = events(`.details('{{ json . }}').message('{{ . }}')`)
    expect(e.details).not.toContain('Vars')
    expect(e.message).not.toContain('load')
    expect(e.details).toMatch(/&#34;Message&#34;:.*\}\n$/)
  })

  it('show plain values only, and a task without vars has none', () => {
    expect(events(`.message('[{{ .Vars }}]')`)[0].message).toBe(
      '[map[limit:2.5 n:3 name:cpu <load> on:true period:1m30s]]',
    )
    expect(() =>
      events('.crit(lambda: TRUE).message(\'{{ printf "%v" .Vars }}\')', {}, 'stream|from()|alert()'),
    ).toThrow("can't evaluate field Vars in type kapacitor.messageInfo")
  })
})
