import { describe, expect, it } from 'vitest'
import { Duration } from '../../../src/columns/values.js'
import { bareDot } from '../../../src/compile/dot.js'
import { evaluateConstant } from '../../../src/lambda/constant.js'
import { dbrpsOf, taskType } from '../../../src/tickscript/evaluate.js'
import { formatExpression } from '../../../src/tickscript/format.js'
import { Lambda, type PipelineNode, Reference, Regex, Star } from '../../../src/tickscript/node-def.js'
import { parse } from '../../../src/tickscript/parser.js'
import { errorOf, run } from './nodes.js'

const named = (script: string, name: string, options = {}): PipelineNode => {
  const found = run(script, options).pipeline.nodes.find((node) => node.name === name)
  if (found === undefined) throw new Error(`no node ${name}`)
  return found
}

/** Value of `v` after the script, seen through a property that takes anything. */
const valueAfter = (script: string, options = {}) => {
  const { pipeline } = run(`${script}\nstream|from().groupBy(v, 'x')`, options)
  const last = pipeline.nodes[0].children.at(-1)!
  return (last.props.groupBy as unknown[])[0]
}

describe('task type', () => {
  it.each([
    ['stream|from()', 'stream'],
    ['var x = stream x|from()', 'stream'],
    ["batch|query('x')", 'batch'],
    ['var b = batch', 'batch'],
  ])('%j is a %s task', (script, type) => {
    expect(taskType(parse(script))).toBe(type)
  })

  it.each(['var x = 1', 'stream', '', "stream|from() batch|query('x')", 'f(stream)'])('%j is neither', (script) => {
    expect(errorOf(script)).toBe('invalid task type: invalid')
  })

  it('dbrps are collected from everywhere', () => {
    expect(dbrpsOf(parse('dbrp "a"."b" stream|from() dbrp "c"."d"'))).toEqual([
      { db: 'a', rp: 'b' },
      { db: 'c', rp: 'd' },
    ])
  })
})

describe('values', () => {
  it.each<[string, unknown]>([
    ['var v = 5', 5n],
    ['var v = -5', -5n],
    ['var v = --5', 5n],
    ['var v = 1.5', 1.5],
    ['var v = -1m', new Duration(-60_000_000_000n)],
    ['var v = !TRUE', false],
    ["var v = 'a' + 'b'", 'ab'],
    ['var w = 2 var v = w * 5s', new Duration(10_000_000_000n)],
    ['var v = /a\\/b/', new Regex('a/b')],
    ['var v = *', new Star()],
    ['var v = "ref"', new Reference('ref')],
    ["var w = 'a' var v = [w, *, 'b']", ['a', new Star(), 'b']],
    ['var w = 1 var v = w', 1n],
    ['var l = lambda: 5 var v = l + 1', 6n],
    ['var v = 1.0 + abs(-2.0)', 3],
    ["var v = 'cpu_' + string(3)", 'cpu_3'],
    ["var v = duration('5m', 1s) + 0s", new Duration(300_000_000_000n)],
    ["var v = 'a' =~ /b/", false],
    ['var v = if(TRUE, 1, 2) + 0', 1n],
    ['var v = 10.0 / 0.0', Number.POSITIVE_INFINITY],
    ["var s = stream|from().measurement('m') var v = s.measurement", 'm'],
    ['var v = 1 var v int', 7n],
  ])('%j', (script, expected) => {
    expect(valueAfter(script, { vars: script.endsWith('int') ? { v: { type: 'int', value: 7 } } : {} })).toEqual(
      script.endsWith('int') ? 7n : expected,
    )
  })

  it('identifiers in a lambda become literals, lambda vars nested lambdas', () => {
    const script = `
      var n = 5 var f = 1.5 var d = 90s var s = 'x' var r = /a/ var busy = lambda: "cpu" > n
      stream|from()|where(lambda: busy AND "a" > f AND "b" == d AND g(s, -n) AND "c" =~ r)`
    const { lambda } = named(script, 'where2').props
    expect(formatExpression((lambda as Lambda).expression)).toBe(
      'lambda: "cpu" > 5 AND "a" > 1.5 AND "b" == 90s AND g(\'x\', -5) AND "c" =~ //',
    )
  })

  it('the values in a lambda are those of its own time', () => {
    const script = `var a = 1 var l = lambda: "x" > a stream|from()|where(l)`
    const { lambda } = named(script, 'where2', { vars: { a: { type: 'int', value: 9 } } }).props
    expect(formatExpression((lambda as Lambda).expression)).toBe('"x" > 9')
  })
})

describe('scope errors', () => {
  it.each([
    ['var x = 1 var x = 2 stream|from()', 'attempted to redefine x, vars are immutable'],
    ['var stream = 2 stream|from()', 'attempted to redefine stream, vars are immutable'],
    ['var time = 2 stream|from()', 'attempted to redefine time, vars are immutable'],
    ['stream|from().measurement(cpu)', 'name "cpu" is undefined. Names in scope: stream,time'],
    ['var a = 1 stream|from()|where(lambda: "x" > b)', 'name "b" is undefined. Names in scope: a,stream,time'],
    ['y|from() var s = stream', 'name "y" is undefined. Names in scope: stream,time'],
    ['var x number stream|from()', 'invalid var type "number"'],
    ['var x int stream|from()', 'missing value for var "x".'],
    ['var s = stream', 'task does nothing'],
    ['var x = f(1.0) var y = x + 1 stream|from()', 'unsupported literal type tick.unboundFunc'],
    ['var s = stream|from() var y = s + 1', 'unsupported literal type *pipeline.FromNode'],
    ['var s = stream|from() s|where(lambda: s)', 'unsupported literal type *pipeline.FromNode'],
    [
      "var l = ['a'] var y = l + 1 stream|from()",
      'Failed to handle left node: Given node type is not valid evaluation node: *ast.ListNode',
    ],
    [
      "var y = 'a' + 1 stream|from()",
      'mismatched type to binary operator. got string + int. see bool(), int(), float(), string(), duration()',
    ],
    ['var y = now() - 5m stream|from()', 'invalid math operator - for type time'],
    ['var y = "ref" + 1 stream|from()', 'name "ref" is undefined. Names in scope: '],
    ["var y = -duration('5m', 1s) stream|from()", "line 1 char 9: invalid arugument to '-' tick.unboundFunc"],
    ['var y = 1 / 0 stream|from()', 'runtime error: integer divide by zero'],
    ["var a = 'x' var y = -a stream|from()", "line 1 char 21: invalid arugument to '-' x"],
    ['var y = !5 stream|from()', "line 1 char 9: invalid arugument to '!' 5"],
    ['f(1) stream|from()', 'line 1 char 1: no global function "f" defined'],
    ["stream|from().truncate(duration('5m', 1s))", 'line 1 char 24: no global function "duration" defined'],
    ['stream|from().groupBy(time(10s))', 'invalid dimension object of type tick.TimeDimension'],
    ["stream|from().measurement('bad')|eval()", 'measurement is bad'],
  ])('%j', (script, text) => {
    expect(errorOf(script)).toBe(text)
  })
})

describe('calls', () => {
  it.each([
    [
      'stream.from()',
      'line 1 char 8: no property method "from" on *pipeline.StreamNode, but chaining method does exist. ' +
        "Use '|' operator instead: 'node|from(..)'.",
    ],
    [
      "stream\n    |from()\n    |measurement('cpu')",
      'line 3 char 6: no chaining method "measurement" on *pipeline.FromNode, but property does exist. ' +
        "Use '.' operator instead: 'node.measurement(..)'.",
    ],
    [
      'stream|from()@window()',
      'line 1 char 15: no dynamic method "window" on *pipeline.FromNode, but chaining method does exist. ' +
        "Use '|' operator instead: 'node|window(..)'.",
    ],
    [
      "stream|from()@measurement('x')",
      'line 1 char 15: no dynamic method "measurement" on *pipeline.FromNode, but property does exist. ' +
        "Use '.' operator instead: 'node.measurement(..)'.",
    ],
    ['stream|from()|nosuch()', 'line 1 char 15: no method or property "nosuch" on *pipeline.FromNode'],
    ['stream|from().nosuch(1)', 'line 1 char 15: no method or property "nosuch" on *pipeline.FromNode'],
    ['stream|from()|LOG()', 'line 1 char 15: no method or property "LOG" on *pipeline.FromNode'],
    ['stream|from()|noop()', 'line 1 char 15: no method or property "noop" on *pipeline.FromNode'],
    ["stream|from()|httpOut('o')|from()", 'line 1 char 28: no method or property "from" on *pipeline.HTTPOutNode'],
    ['stream|log()', 'line 1 char 8: no method or property "log" on *pipeline.StreamNode'],
    ['var x = 5 x|log() stream|from()', 'line 1 char 13: cannot get properties of non pointer value'],
    ['var x = 5 var y = x.z stream|from()', 'line 1 char 20: cannot get properties of non pointer value'],
    ['var x = /a/ x|log() stream|from()', 'line 1 char 15: no method or property "log" on *regexp.Regexp'],
    ['var x = stream|from() var y = x.where', 'line 1 char 32: object *pipeline.FromNode has no property where'],
    ['var x = stream|from() var y = x.nope', 'line 1 char 32: object *pipeline.FromNode has no property nope'],
    [
      'stream|from()|window().period(5)',
      'line 1 char 24: error calling func "period" on obj *pipeline.WindowNode: ' +
        'reflect.Set: value of type int64 is not assignable to type time.Duration',
    ],
    [
      "stream|from()|window().period(1s, 's')",
      'line 1 char 24: too many arguments to set property Period on *pipeline.WindowNode',
    ],
    [
      'stream|from().measurement()',
      'line 1 char 15: too many arguments to set property Measurement on *pipeline.FromNode',
    ],
    [
      'stream|from().measurement("m")',
      'line 1 char 15: cannot assign *ast.ReferenceNode to type string, did you use double quotes instead of single quotes?',
    ],
    [
      'stream|from()|httpOut("m")',
      'line 1 char 15: cannot assign *ast.ReferenceNode to type string, did you use double quotes instead of single quotes?',
    ],
    [
      "stream|from()|percentile('x', 5)",
      'line 1 char 15: error calling func "percentile" on obj *pipeline.FromNode: reflect: Call using int64 as type float64',
    ],
    [
      'stream|from()|where()',
      'line 1 char 15: error calling func "where" on obj *pipeline.FromNode: reflect: Call with too few input arguments',
    ],
    [
      'stream|from()|log(1)',
      'line 1 char 15: error calling func "log" on obj *pipeline.FromNode: reflect: Call with too many input arguments',
    ],
    [
      'stream|from()|eval(5)',
      'line 1 char 15: error calling func "eval" on obj *pipeline.FromNode: ' +
        'reflect: cannot use int64 as type *ast.LambdaNode in Call',
    ],
    [
      "stream|from()|join('x')",
      'line 1 char 15: error calling func "join" on obj *pipeline.FromNode: reflect: cannot use string as type pipeline.Node in Call',
    ],
    [
      'stream|from().groupByMeasurement(TRUE)',
      'line 1 char 15: error calling func "groupByMeasurement" on obj *pipeline.FromNode: ' +
        'reflect: Call with too many input arguments',
    ],
    [
      "stream|from()|sample('x')",
      'line 1 char 15: error calling func "sample" on obj *pipeline.FromNode: must pass int64 or duration to new sample node',
    ],
    [
      'stream|from()|window()|window()',
      'line 1 char 24: error calling func "window" on obj *pipeline.WindowNode: cannot Window batch edge',
    ],
    ["stream|from()|later(1)|httpOut('o')", 'line 1 char 15: later is not supported yet'],
    [
      'stream|from()|later()',
      'line 1 char 15: error calling func "later" on obj *pipeline.FromNode: reflect: Call with too few input arguments',
    ],
    [
      'batch|query(1)',
      'line 1 char 7: error calling func "query" on obj *pipeline.BatchNode: reflect: Call using int64 as type string',
    ],
    [
      'stream|from()|combine(lambda: TRUE)',
      'a call to combine.as() is required to specify the output stream prefixes.',
    ],
  ])('%j', (script, text) => {
    expect(errorOf(script)).toBe(text)
  })

  it('a single list is spread, names match in all but the first letter', () => {
    const node = named("var l = ['a', 'b'] stream|From().Measurement(['m']).groupBy(l)", 'from1')
    expect(node.props).toMatchObject({ measurement: 'm', groupBy: ['a', 'b'] })
    expect(named("var l = ['a'] stream|from().groupBy(l, 'b')", 'from1').props.groupBy).toEqual([['a'], 'b'])
  })

  it('quiet is a property of every node', () => {
    expect(named('stream|from().quiet()', 'from1').quiet).toBe(true)
    expect(named('stream.quiet()|from()', 'stream0').quiet).toBe(true)
  })

  it('defaults are filled in, a flag sets true, the last field call wins', () => {
    const node = named('stream|from()|window().align().period(1s).period(2s)', 'window2')
    expect(node.props).toMatchObject({ align: true, period: new Duration(2_000_000_000n) })
    expect(named('stream|from()', 'from1').props).toMatchObject({ measurement: '', groupByMeasurement: false })
  })
})

describe('alert handlers', () => {
  const script = (links: string) => `stream|from()|alert()${links}`
  const alert = (links: string) => named(script(links), 'alert2')

  it('handler properties hide those of the node, others reach it', () => {
    const node = alert(".topic('n').slack().channel('#x').topic('h').crit(lambda: TRUE).uRL('u').id('i').post('p')")
    expect(node.handlers).toEqual([
      { kind: 'slack', props: { channel: '#x', topic: 'h', uRL: 'u' } },
      { kind: 'post', props: { url: ['p'] } },
    ])
    expect(node.props).toMatchObject({ topic: 'n', id: 'i', crit: expect.any(Lambda) })
  })

  it('the same kind may repeat and chains go on from the node', () => {
    const { pipeline } = run(script(".slack().slack().channel('b')|log()"))
    const node = pipeline.nodes.find((n) => n.name === 'alert2')!
    expect(node.handlers.map((h) => h.props.channel)).toEqual([undefined, 'b'])
    expect(node.children.map((n) => n.name)).toEqual(['log3'])
  })

  it.each([
    [".slack().nosuch('x')", 'line 1 char 31: no method or property "nosuch" on *pipeline.SlackHandler'],
    [".slack().url('x')", 'line 1 char 31: no method or property "url" on *pipeline.SlackHandler'],
    [
      '.slack().channel(5)',
      'line 1 char 31: error calling func "channel" on obj *pipeline.SlackHandler: ' +
        'reflect.Set: value of type int64 is not assignable to type string',
    ],
    [
      '.slack(1)',
      'line 1 char 23: error calling func "slack" on obj *pipeline.AlertNode: reflect: Call with too many input arguments',
    ],
    [
      ".slack().stateChangesOnly().channel('x')",
      'line 1 char 50: no method or property "channel" on *pipeline.AlertNode',
    ],
    [".post('a', 'b')", 'too many urls'],
    [
      '|slack()',
      'line 1 char 23: no chaining method "slack" on *pipeline.AlertNode, but property does exist. ' +
        "Use '.' operator instead: 'node.slack(..)'.",
    ],
  ])('%j', (links, text) => {
    expect(errorOf(script(links))).toBe(text)
  })
})

describe('vars', () => {
  const vars = (script: string, options = {}) => run(`${script}\nstream|from()`, options).vars

  it('all vars are listed with type, default and description', () => {
    expect(
      vars(
        `// one
         //  two
         var a int
         var b = 9007199254740993
         var c = 'x' var d = 2s var e = 3.0 var f = TRUE var g = /a/ var h = lambda: "x" > b var i = ['p', *] var j = *
         var s = stream|from()`,
        { typeOnlyDefaults: true },
      ),
    ).toEqual({
      a: { type: 'int', value: null, description: 'one\n two' },
      b: { type: 'int', value: 9007199254740993n, description: '' },
      c: { type: 'string', value: 'x', description: '' },
      d: { type: 'duration', value: 2_000_000_000, description: '' },
      e: { type: 'float', value: 3, description: '' },
      f: { type: 'bool', value: true, description: '' },
      g: { type: 'regex', value: 'a', description: '' },
      h: { type: 'lambda', value: '"x" > 9007199254740993', description: '' },
      i: {
        type: 'list',
        value: [
          { type: 'string', value: 'p', description: '' },
          { type: 'star', value: { typeOf: 'star' }, description: '' },
        ],
        description: '',
      },
      j: { type: 'star', value: { typeOf: 'star' }, description: '' },
    })
  })

  it.each<[string, string, unknown, unknown]>([
    ['int', '1', 9007199254740993n, 9007199254740993n],
    ['int', '1', 5, 5n],
    ['float', '1.0', 5, 5],
    ['string', "''", 'x', 'x'],
    ['bool', 'FALSE', true, true],
    ['duration', '1s', 5_000_000_000, new Duration(5_000_000_000n)],
    ['duration', '1s', 9007199254740993n, new Duration(9007199254740993n)],
    ['regex', '/a/', 'b/c', new Regex('b/c')],
    [
      'list',
      '[]',
      [
        { type: 'string', value: 'q' },
        { type: 'star', value: null },
      ],
      ['q', new Star()],
    ],
    ['star', '*', null, new Star()],
  ])('a given %s replaces %s', (type, initial, value, expected) => {
    expect(valueAfter(`var v = ${initial}`, { vars: { v: { type, value } } })).toEqual(expected)
    expect(valueAfter(`var v ${type}`, { vars: { v: { type, value } } })).toEqual(expected)
  })

  it('a given lambda keeps its identifiers', () => {
    const options = { vars: { l: { type: 'lambda', value: '"a" > x' } } }
    const { lambda } = named('var x = 1 var l = lambda: TRUE stream|from()|where(lambda: l)', 'where2', options).props
    expect(formatExpression((lambda as Lambda).expression)).toBe('lambda: "a" > x')
  })

  it.each<[string, Record<string, { type: string; value: unknown }>, string]>([
    ['var x = 3.0', { x: { type: 'string', value: 'x' } }, 'invalid type supplied for x, got string exp float'],
    ['var x = TRUE', { x: { type: 'int', value: 1 } }, 'invalid type supplied for x, got int exp boolean'],
    ['var x int', { x: { type: 'bool', value: true } }, 'invalid type supplied for x, got boolean exp int'],
    [
      'var x = stream|from()',
      { x: { type: 'int', value: 1 } },
      'invalid type supplied for x, got int exp invalid type',
    ],
    [
      '',
      { r: { type: 'regex', value: '[' } },
      'invalid var r: invalid regex pattern: error parsing regexp: missing closing ]: `[`',
    ],
    [
      '',
      { l: { type: 'lambda', value: '"a" >' } },
      'invalid var l: invalid lambda expression: parser: unexpected EOF line 1 char 6 in ""a" >". ' +
        'expected: "number","string","duration","identifier","TRUE","FALSE","==","(","-","!"',
    ],
    ['', { i: { type: 'int', value: null } }, 'invalid var i: unsupported Var type <nil>.'],
    ['', { i: { type: 'int', value: 'x' } }, 'invalid var i: unexpected var type int, value is a string'],
    ['', { i: { type: 'string', value: true } }, 'invalid var i: mismatched type and value: string bool'],
  ])('%j with %j', (script, given, text) => {
    expect(errorOf(`${script} stream|from()`, { vars: given })).toBe(text)
  })

  it('type-only vars are zero in a template, and its expressions are evaluated', () => {
    const template = { typeOnlyDefaults: true }
    expect(errorOf('var i int var d = 10 / i stream|from()', template)).toBe('runtime error: integer divide by zero')
    expect(
      errorOf('var l lambda var s string var g list stream|from().measurement(s).where(l).groupBy(g)', template),
    ).toBe('none')
  })

  it('vars of other names are ignored, also those of Object', () => {
    const given = { toString: { type: 'int', value: 1 }, ghost: { type: 'int', value: 1 } }
    expect(errorOf('stream|from()', { vars: given })).toBe('none')
    expect(errorOf('var constructor = 1 var toString int stream|from()', { vars: given })).toBe('none')
  })
})

describe('ids and walk order', () => {
  const order = (script: string) => run(script).pipeline.nodes.map((node) => node.name)

  it('siblings are walked in reverse order of creation', () => {
    expect(order("var a = stream|from() a|window()|log()|httpOut('x') a|alert()")).toEqual([
      'stream0',
      'from1',
      'alert5',
      'window2',
      'log3',
      'http_out4',
    ])
  })

  it('each parent takes an id: join links left then arguments, union arguments then left', () => {
    const sources = 'var a = stream|from() var b = stream|from()'
    const join = named(`${sources} a|join(b)`, 'join4')
    expect(join.parents.map((node) => node.name)).toEqual(['from1', 'from2'])
    const union = named(`${sources} a|union(b)`, 'union4')
    expect(union.parents.map((node) => node.name)).toEqual(['from2', 'from1'])
    expect(named(`${sources} a|union(a, b)|log()`, 'log6').parents[0]!.name).toBe('union5')
  })

  it('stats is a source of its own and gives a childless node a noop', () => {
    const { pipeline } = run('var a = stream|from() a|stats(1s)|log() a|log()')
    expect(pipeline.sources.map((node) => node.name)).toEqual(['stream0', 'stats2'])
    expect(pipeline.nodes.map((node) => node.name)).toEqual(['stream0', 'from1', 'log5', 'noop3', 'stats2', 'log4'])
    expect(pipeline.sources[1].observed!.name).toBe('from1')
  })

  it('deadman is stats, derivative and alert', () => {
    const script = 'stream|from()|log()|deadman(100.0, 90s, lambda: "h" > 8).slack().channel(\'x\')'
    const { pipeline } = run(script)
    expect(pipeline.nodes.map((node) => node.name)).toEqual([
      'stream0',
      'from1',
      'log2',
      'noop4',
      'stats3',
      'derivative5',
      'alert6',
    ])
    const alert = pipeline.nodes.at(-1)!
    expect(alert.props.id).toBe("{{ .Group }}:log2 for task '{{ .TaskName }}'")
    expect(alert.props.message).toContain('points/1m30s.')
    expect(formatExpression((alert.props.crit as Lambda).expression)).toBe('"emitted" <= 100.0 AND "h" > 8')
    expect(alert.handlers).toHaveLength(1)
    expect(errorOf('stream|from()|deadman(100, 10s)')).toContain('Call using int64 as type float64')
  })

  it('edges follow the node on the left', () => {
    const { pipeline } = run("stream|from()|window()|log()|percentile('x', 1.0)|log()")
    expect(pipeline.nodes.map((node) => node.edge)).toEqual(['stream', 'stream', 'batch', 'batch', 'stream', 'stream'])
  })

  it('the bare graph lists children in order of creation', () => {
    const { pipeline } = run('var a = stream|from() a|log() a|union(a)')
    expect(bareDot('my_task', pipeline)).toBe(
      'digraph my_task {\nstream0 -> from1;\nfrom1 -> log2;\nfrom1 -> union4;\nfrom1 -> union4;\n}',
    )
  })
})

describe('limits', () => {
  it('vars that name each other twice', () => {
    const lambdas = Array.from({ length: 60 }, (_, i) => `var l${i + 1} = lambda: l${i} AND l${i}`).join('\n')
    expect(errorOf(`var l0 = lambda: "x" ${lambdas} stream|from()|where(l60)`)).toContain('expression is too large')
    const doubled = (n: number): string =>
      `var s0 = 'x' ${Array.from({ length: n }, (_, i) => `var s${i + 1} = s${i} + s${i}`).join('\n')}`
    expect(errorOf(`${doubled(60)} stream|from()`)).toContain('result of a string function is too long')
    // Each of them is short enough, all of them together are not.
    const many = Array.from({ length: 140 }, (_, i) => `var t${i} = s17 + 'x'`).join('\n')
    expect(errorOf(`${doubled(17)} ${many} stream|from()`)).toContain('expressions make strings')
    const lists = Array.from({ length: 60 }, (_, i) => `var a${i + 1} = [a${i}, a${i}]`).join('\n')
    expect(errorOf(`var a0 = ['x'] ${lists} stream|from()`)).toContain('list has more than')
  })

  it('regular expressions, one by one and all together', () => {
    const where = (pattern: string, n = 1) => `stream|from()${`|where(lambda: "s" =~ /${pattern}/)`.repeat(n)}`
    expect(() => run(where('(x{1,30}){1,30}'))).not.toThrow()
    expect(errorOf(where('(x{1,30}y){1,30}(z{1,30}w){1,30}'.repeat(20)))).toContain('expression too large')
    expect(errorOf(where('(a|b)*'.repeat(5000)))).toContain('expression too large')
    expect(errorOf(where('(a|b)*'.repeat(400), 40))).toContain('more than 65536 characters together')
  })

  it('a nested chain of lambda vars stays shallow', () => {
    const lambdas = Array.from({ length: 3000 }, (_, i) => `var l${i + 1} = lambda: l${i}`).join('\n')
    expect(errorOf(`var l0 = lambda: "x" ${lambdas} stream|from()`)).toContain('expression is too large')
  })

  it('a lambda within the limits compiles, one beyond them is refused here', () => {
    const many = (first: string) => first + ' OR "h" == \'a\''.repeat(900)
    const script = (lambda: string) => `var a = lambda: ${many('TRUE')} stream|from()|where(lambda: ${lambda})`
    const { lambda } = named(script('a'), 'where2').props
    expect(evaluateConstant((lambda as Lambda).expression)).toBe(true)
    expect(errorOf(script(many('a')))).toContain('expression is too large')
  })

  it('nodes', () => {
    expect(errorOf(`stream|from()${'|log()'.repeat(1500)}`)).toBe('none')
    expect(errorOf(`stream|from()${'|log()'.repeat(5000)}`)).toContain('more than 2000 nodes')
  })
})
