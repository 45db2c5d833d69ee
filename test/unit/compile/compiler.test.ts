/** Scripts evaluated, planned and explained on a thread of their own: what main gets is what it would have made itself. */
import { afterAll, describe, expect, it } from 'vitest'
import { Compiler, compileThreads, type PlannedTask } from '../../../src/compile/compiler.js'
import { evaluateScript } from '../../../src/compile/evaluate-script.js'
import { explain, explainText } from '../../../src/compile/explain.js'
import { silentLog } from '../../../src/log.js'
import { planTask } from '../../../src/plan/plan.js'
import { taskLayout } from '../../../src/plan/task-layout.js'
import { Lambda, PipelineNode } from '../../../src/tickscript/node-def.js'

const compiler = new Compiler(compileThreads({ timeoutMs: 60_000, log: silentLog }))
afterAll(() => compiler.close())

const script = `var level = 3
var data = stream
    |from()
        .measurement('m')
        .groupBy(*)
        .where(lambda: "a" =~ /x+/)

data
    |window()
        .period(1m)
        .every(10s)
    |mean('v')
    |eval(lambda: "mean" * 2.0, lambda: "mean" + 1.0)
        .as('a', 'b')
        .quiet()
    |alert()
        .crit(lambda: "a" > level)
        .stateChangesOnly(5m)
        .inhibit('c', 'host')
        .post('http://127.0.0.1/x')
            .header('k', 'v')
            .captureResponse()
        .topic('t')

data
    |join(data)
        .as('l', 'r')
    |httpPost('http://127.0.0.1')
        .header('k', 'v')
    |influxDBOut()
        .database('d')
        .tag('k', 'v')

data
    |stats(10s)
    |httpOut('o')
`
const task = (text: string): PlannedTask => ({
  script: text,
  vars: {},
  taskId: 'task',
  dbrps: [{ db: 'd', rp: 'r' }],
  shards: 2,
})

const staysBehind = (value: unknown): boolean => value instanceof Lambda || value instanceof PipelineNode

/** What main may look at. */
function visible(node: PipelineNode): unknown {
  const plain = (props: PipelineNode['props']) =>
    Object.fromEntries(
      Object.entries(props).flatMap(([name, value]) => {
        if (staysBehind(value)) return []
        return [[name, Array.isArray(value) ? value.filter((item) => !staysBehind(item)) : value]]
      }),
    )
  return {
    def: node.def,
    name: node.name,
    edge: node.edge,
    quiet: node.quiet,
    props: plain(node.props),
    handlers: node.handlers.map(({ kind, props }) => ({ kind, props: plain(props) })),
  }
}

describe('the compiler', () => {
  it('gives main the outline of the plan', async () => {
    const outline = await compiler.plan(task(script))
    const plan = planTask(evaluateScript(script, {}).pipeline, { taskId: 'task', shards: 2 })
    expect(outline.nodes.map(({ node }) => visible(node))).toEqual(plan.nodes.map(({ node }) => visible(node)))
    expect(taskLayout(outline)).toEqual(taskLayout(plan))
    const { partition, reads, measurements } = plan
    expect(outline).toMatchObject({ pipeline: { type: 'stream' }, partition, reads, measurements })
  })

  it('explains as a thread without a deadline does', async () => {
    const plan = planTask(evaluateScript(script, {}).pipeline, { taskId: 'task', shards: 2 })
    expect(await compiler.explain(task(script), 'text')).toBe(explainText(explain(plan, 2)))
    const json = JSON.parse(await compiler.explain(task(script), 'json')) as unknown
    expect(json).toEqual(JSON.parse(JSON.stringify(explain(plan, 2))))
  })

  it('knows of a script what is shown and stored', async () => {
    expect(await compiler.facts('dbrp "d"."r" stream|from().measurement(\'m\')|log()', {})).toEqual({
      formatted: `dbrp "d"."r"\n\nstream\n    |from()\n        .measurement('m')\n    |log()\n`,
      namesDbrps: true,
      evaluated: {
        type: 'stream',
        dbrps: [{ db: 'd', rp: 'r' }],
        vars: {},
        edges: 'stream0 -> from1;\nfrom1 -> log2;\n',
      },
      fault: null,
    })
    const { evaluated } = await compiler.templateFacts('var m string\nvar d = 5m\nstream|from().measurement(m)|log()')
    expect(evaluated?.vars).toEqual({
      m: { type: 'string', value: null, description: '' },
      d: { type: 'duration', value: 300_000_000_000, description: '' },
    })
  })

  it('hands on what a script says against itself', async () => {
    const facts = await compiler.facts('stream|from()|nothing()', {})
    expect(facts).toMatchObject({ evaluated: null, fault: { code: 'tickscript', status: 400 } })
    expect(facts.fault?.message).toContain('no method or property "nothing"')
    await expect(compiler.plan(task("stream|from()|where(lambda: 'a' + 1)"))).resolves.toBeDefined()
    await expect(compiler.plan(task("stream|from()|alert().message('{{')"))).rejects.toMatchObject({
      code: 'template-syntax',
      status: 500,
    })
  })
})
