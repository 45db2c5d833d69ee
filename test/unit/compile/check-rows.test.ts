/** What check warns of where groupings and the cells of rows are known. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkScript } from '../../../src/compile/check-script.js'
import { decodeTaskRequest } from '../../../src/tasks/task-request.js'
import { storedVars } from '../../../src/tasks/vars.js'
import { problems } from '../compile/problems.js'

const windowed = 'stream|from()|window().period(1s).every(1s)'
const grouped = "stream|from().groupBy('host')|window().period(1s).every(1s)"
const marked = (script: string): string[] => problems(script).map((p) => p.replace(/^warning \S+ /, ''))

describe('names that no row has', () => {
  it.each<[string, string[]]>([
    [
      `${windowed}|mean('usage_idle')|alert().crit(lambda: "usage_idle" < 10)`,
      [
        '["usage_idle"] no row has "usage_idle" here: mean hands on only "mean" and the tags of the group | Write "mean", or name the result with .as(\'usage_idle\'). => "mean"',
      ],
    ],
    [`${windowed}|mean('usage_idle').as('usage_idle')|alert().crit(lambda: "usage_idle" < 10)`, []],
    [
      `${windowed}|max('v')|where(lambda: "v" < 10 AND "other" < 10)`,
      ['["v"] no row has "v" here: max hands it on as "max" | Write "max", or keep the name with .as(\'v\'). => "max"'],
    ],
    [`${windowed}|max('v').as('v')|where(lambda: "v" < 10)`, []],
    [
      `${windowed}|top(3, 'v', 'host')|where(lambda: "other" > 1)`,
      [
        '["other"] no row has "other" here: top hands on only "top" | Other fields end there; a tag goes on when it is in the grouping.',
      ],
    ],
    [`${windowed}|top(3, 'v', 'host')|where(lambda: "top" > 1 AND "other" == 'x')`, []],
    [
      'stream|from()|eval(lambda: "a" + "b").as(\'c\')|where(lambda: "a" > 1)',
      ['["a"] no row has "a" here: eval hands on only "c" of the fields | .keep() hands on the other fields too.'],
    ],
    ['stream|from()|eval(lambda: "a" + "b").as(\'c\').keep()|where(lambda: "a" > 1)', []],
    [
      'stream|from()|eval(lambda: "a" + "b").as(\'c\').keep(\'c\', \'b\')|where(lambda: "a" > 1 AND "b" > 1 AND "c" > 1)',
      ['["a"] no row has "a" here: eval hands on only "b", "c" of the fields | .keep() hands on the other fields too.'],
    ],
    // It may be a tag.
    ['stream|from()|eval(lambda: "a" + "b").as(\'c\')|where(lambda: "a" == \'x\')', []],
    ['stream|from()|eval(lambda: "a" + "b", lambda: "c" * 2.0, lambda: "d" * 2.0).as(\'c\', \'d\', \'e\')|log()', []],
    [
      "stream|from()|delete().field('a')|where(lambda: \"a\" == 'x')",
      ['["a"] no row has "a" here: delete removes it | Use it before the delete node.'],
    ],
    ['stream|from()|delete().tag(\'a\')|where(lambda: "a" > 1)', []],
    [
      'var a = stream|from()\nvar b = stream|from()\na|join(b).as(\'x\', \'y\')|where(lambda: "v" > 1 AND "x.v" > 1 AND "z.v" > 1)',
      [
        '["v"] no row has "v" here: join puts a prefix before the names of fields | Write "x.v" or "y.v".',
        '["z.v"] no row has "z.v" here: join puts a prefix before the names of fields | Write "x.z.v" or "y.z.v".',
      ],
    ],
    [
      `${grouped}|mean('v')|where(lambda: "dc" == 'x' AND "host" == 'a')`,
      [
        '["dc"] no row has "dc" here: mean hands on only "mean" and the tags of the group | Other fields end there; a tag goes on when it is in the grouping.',
      ],
    ],
    [`stream|from().groupBy(*)|window().period(1s).every(1s)|mean('v')|where(lambda: "dc" == 'x')`, []],
    [
      'stream|from()|stats(1s)|where(lambda: "v" > 1 AND "emitted" > 1)',
      [
        '["v"] no row has "v" here: stats hands on only "emitted" and the tags of the group | Other fields end there; a tag goes on when it is in the grouping.',
      ],
    ],
    [`stream|from().groupBy('host')|deadman(0.0, 10s, lambda: "emitted" > 1 AND "host" == 'a')`, []],
    // Each way in is enough.
    [`var m = ${windowed}|mean('v')\n${windowed}|count('v')|union(m)|where(lambda: "mean" > 1 OR "count" > 1)`, []],
    [
      `var m = ${windowed}|mean('v')\n${windowed}|count('v')|union(m)|where(lambda: "v" > 1)`,
      [
        '["v"] no row has "v" here: mean hands on only "mean" and the tags of the group | Write "mean", or name the result with .as(\'v\'). => "mean"',
      ],
    ],
    // Names that data make.
    [`${windowed}|mean('v')|flatten().on('host')|where(lambda: "a.mean" > 1)`, []],
    // Names that nodes make.
    [
      `${windowed}|mean('v')|default().field('a', 1.0)|stateCount(lambda: "mean" > 1)|stateDuration(lambda: "mean" > 1).as('d')|alert().crit(lambda: "a" > 1 AND "state_count" > 1 AND "d" > 1.0).levelField('l')|where(lambda: "l" == 'OK')`,
      [],
    ],
    [`${windowed}|mean('v')|httpPost('http://h/').codeField('code')|where(lambda: "code" == 200)`, []],
    // Absence is meant.
    [`${windowed}|mean('v')|where(lambda: isPresent("v") AND "v" > 1)`, []],
    // Batches have what the query gives.
    ['batch|query(\'SELECT a, b FROM d.r.m\').period(1s).every(1s)|where(lambda: "a" > 1)', []],
    [
      "batch|query('SELECT a FROM d.r.m').period(1s).every(1s)|mean('a')|alert().crit(lambda: \"a\" > 1)",
      [
        '["a"] no row has "a" here: mean hands on only "mean" and the tags of the group | Write "mean", or name the result with .as(\'a\'). => "mean"',
      ],
    ],
    // A lambda var that is used in two places.
    [
      `var high = lambda: "v" > 10\n${windowed}|where(high)|mean('v')|alert().crit(high)`,
      [
        '["v"] no row has "v" here: mean hands on only "mean" and the tags of the group | Write "mean", or name the result with .as(\'v\'). => "mean"',
      ],
    ],
    // A node with an error says nothing of what is behind it.
    [
      `${windowed}|mean('v').ass('x')|alert().crit(lambda: "v" > 1)`,
      [expect.stringContaining('no method or property "ass"')],
    ],
  ])('%s', (script, expected) => {
    expect(marked(script)).toEqual(expected)
  })

  it.each<[string, string[]]>([
    [
      `${windowed}|mean('v')|derivative('v')`,
      [
        '[\'v\'] no row has "v" here: mean hands on only "mean" and the tags of the group | Write "mean", or name the result with .as(\'v\'). => \'mean\'',
      ],
    ],
    [`${windowed}|mean('v')|derivative('mean')|changeDetect('mean')`, []],
    [`${windowed}|min('v').as('v')|max('v')`, []],
    [
      `${windowed}|mean('v')|changeDetect('mean', 'v')`,
      [
        '[\'v\'] no row has "v" here: mean hands on only "mean" and the tags of the group | Write "mean", or name the result with .as(\'v\'). => \'mean\'',
      ],
    ],
    [
      `var f = 'v'\n${windowed}|mean('x')|sum(f)`,
      [
        '[\'v\'] no row has "v" here: mean hands on only "mean" and the tags of the group | Other fields end there; a tag goes on when it is in the grouping.',
      ],
    ],
  ])('fields that nodes read: %s', (script, expected) => {
    expect(marked(script)).toEqual(expected)
  })

  it('says nothing where vars of a template may be the names', () => {
    const script = `var f string\nvar name string\n${windowed}|mean(f).as(name)|alert().crit(lambda: "usage" > 1)`
    expect(problems(script)).toEqual([])
    const vars = { f: { type: 'string', value: 'v' }, name: { type: 'string', value: 'm' } } as const
    expect(problems(script, vars)).toHaveLength(1)
  })

  it('takes time that grows with the script, not with its paths', () => {
    let script = 'var x0 = stream|from()\n'
    for (let i = 1; i <= 40; i++) {
      script += `var x${i} = x${i - 1}|eval(lambda: "a" + "a").as('a')|union(x${i - 1}|where(lambda: "a" > 1))\n`
    }
    const names = Array.from({ length: 60 }, (_, i) => `'n${i}'`)
    const lambdas = names.map((_, i) => `lambda: "${i === 0 ? 'a' : `n${i - 1}`}" + "${i === 0 ? 'a' : `n${i - 1}`}"`)
    script += `x40|eval(${lambdas.join(', ')}).as(${names.join(', ')})|where(lambda: "n59" > 1)\n`
    const start = performance.now()
    expect(problems(script)).toEqual([])
    expect(performance.now() - start).toBeLessThan(10_000)
  })
})

describe('types that are known', () => {
  const mismatch = (what: string): string =>
    `mismatched type to binary operator. got ${what}. see bool(), int(), float(), string(), duration()`
  const quoted = (n: string): string => `Tags are strings, and strings stand in single quotes: '${n}'. => '${n}'`
  it.each<[string, string[]]>([
    [`stream|from().groupBy('host')|where(lambda: "host" == 5)`, [`[5] ${mismatch('string == int')} | ${quoted('5')}`]],
    [`stream|from().where(lambda: "host" == 5).groupBy('host')`, [`[5] ${mismatch('string == int')} | ${quoted('5')}`]],
    [
      `stream|from().groupBy('host')|where(lambda: 1.5 != "host")`,
      [`[1.5] ${mismatch('float != string')} | ${quoted('1.5')}`],
    ],
    [
      `var limit = 5\nstream|from().groupBy('host')|where(lambda: "host" == limit)`,
      [`[limit] ${mismatch('string == int')} | Tags are strings, and strings stand in single quotes: '5'.`],
    ],
    [`var limit = '5'\nstream|from().groupBy('host')|where(lambda: "host" == limit)`, []],
    [`stream|from().groupBy('host')|where(lambda: "port" == 5 OR "port" == 'x')`, []],
    [
      `stream|from()|default().tag('dc', 'x')|where(lambda: "dc" == 5)`,
      [`[5] ${mismatch('string == int')} | ${quoted('5')}`],
    ],
    [
      `stream|from()|eval(lambda: string("x")).as('s')|where(lambda: "s" == 1)`,
      [`[1] ${mismatch('string == int')} | ${quoted('1')}`],
    ],
    [
      `${windowed}|mean('v')|where(lambda: "mean" == 'high')`,
      [
        `['high'] ${mismatch('float == string')} | Single quotes make a string; a field or tag is written "high". => "high"`,
      ],
    ],
    [
      `${windowed}|count('v')|eval(lambda: "count" / 10.0).as('r')`,
      [`["count" / 10.0] ${mismatch('int / float')} | Convert one side with float() or int().`],
    ],
    [`${windowed}|sum('v')|eval(lambda: "sum" / 10.0, lambda: "sum" / 10).as('r', 's')`, []],
    [`${windowed}|count('v')|where(lambda: "count" > 0.5 AND "count" == 3)`, []],
    [
      `stream|from()|eval(lambda: float("a")).as('f')|eval(lambda: "f" * 2).as('g')`,
      [
        `[2] ${mismatch('float * int')} | Integers and floats do not mix in arithmetic: write the number with a dot. => 2.0`,
      ],
    ],
    [`stream|from()|where(lambda: "a" == 1)|where(lambda: "a" == 'x')`, []],
  ])('%s', (script, expected) => {
    expect(marked(script)).toEqual(expected)
  })
})

describe('alert ids', () => {
  const shared = (id: string, by: string, tags: string): string =>
    `['${id}'] groups share the alert id '${id}': they have one level and one history | Rows are grouped by ${by}: put {{ .Group }} or ${tags} into the id.`
  const alert = (id: string): string => `|alert().crit(lambda: "v" > 1).id('${id}')`
  it.each<[string, string[]]>([
    [`stream|from().groupBy('host')${alert('cpu')}`, [shared('cpu', 'host', '{{ index .Tags "host" }}')]],
    [
      `stream|from().groupBy('host', 'cpu')${alert('{{ index .Tags "host" }}')}`,
      [shared('{{ index .Tags "host" }}', 'cpu, host', '{{ index .Tags "cpu" }}')],
    ],
    [
      `stream|from().groupBy(*)${alert('{{ .TaskName }}')}`,
      [shared('{{ .TaskName }}', 'all tags', '{{ index .Tags "host" }}')],
    ],
    [
      `batch|query('SELECT v FROM d.r.m').groupBy('host').every(1s)${alert('x')}`,
      [shared('x', 'host', '{{ index .Tags "host" }}')],
    ],
    [
      `stream|from().groupBy('host')|stats(1s)|alert().crit(lambda: "emitted" > 1).id('x')`,
      [shared('x', 'host', '{{ index .Tags "host" }}')],
    ],
    [`stream|from()${alert('cpu')}`, []],
    [`stream|from().groupBy('host')|groupBy()${alert('cpu')}`, []],
    [`batch|query('SELECT v FROM d.r.m GROUP BY host').every(1s)${alert('x')}`, []],
    [`stream|from().groupBy('host')|alert().crit(lambda: "v" > 1)`, []],
    [`stream|from().groupBy('host')${alert('cpu/{{ .Group }}')}`, []],
    [`stream|from().groupBy('host')${alert('cpu/{{ index .Tags "host" }}')}`, []],
    [`stream|from().groupBy('host')${alert('cpu/{{ .Tags.host }}')}`, []],
    [`stream|from().groupBy('host')${alert('cpu/{{ range $k, $v := .Tags }}{{ $v }}{{ end }}')}`, []],
    [`stream|from().groupBy('host')${alert('{{ index .Fields "serial" }}')}`, []],
    [`stream|from().groupBy(*)${alert('{{ index .Tags "host" }}')}`, []],
    [`stream|from().groupBy('host')|deadman(0.0, 10s)`, []],
    [
      `var id = 'cpu'\nstream|from().groupBy('host')|alert().id(id).crit(lambda: "v" > 1)`,
      [shared('cpu', 'host', '{{ index .Tags "host" }}')],
    ],
  ])('%s', (script, expected) => {
    expect(marked(script)).toEqual(expected)
  })
})

describe('several tags in one string', () => {
  const slip = (name: string, instead: string): string =>
    `['${name}'] '${name}' is the name of one tag | Each tag is a string of its own. => ${instead}`
  it.each<[string, string[]]>([
    ["stream|from().groupBy('host, path')|log()", [slip('host, path', "'host', 'path'")]],
    ["stream|from()|groupBy('host,path', 'dc')|log()", [slip('host,path', "'host', 'path'")]],
    ["stream|from()|groupBy(*).exclude('a, b')|log()", [slip('a, b', "'a', 'b'")]],
    ["batch|query('SELECT v FROM d.r.m').groupBy('a, b').every(1s)|log()", [slip('a, b', "'a', 'b'")]],
    ["var a = stream|from()\na|join(a).as('x', 'y').on('a, b')|log()", [slip('a, b', "'a', 'b'")]],
    ["var by = ['host, path']\nstream|from().groupBy(by)|log()", [slip('host, path', "'host', 'path'")]],
    ["stream|from().groupBy('host', 'path')|log()", []],
    ["stream|from().groupBy('last, first name')|log()", []],
  ])('%s', (script, expected) => {
    expect(marked(script)).toEqual(expected)
  })
})

const root = join(import.meta.dirname, '../../..')
const filesIn = (folder: string, suffix: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(suffix))
    .map((name) => join(folder, name))

/** Scripts that are meant to show one of these slips. */
const meant: Record<string, RegExp> = {
  // About line breaks; its lambdas take tags for numbers.
  'line_breaks.json': /got string|for type string/,
}

describe('scripts that run', () => {
  const scripts = [
    ...[...filesIn('test/fixtures', '.tick'), ...filesIn('docs/examples', '.tick')].map((file) => ({
      file,
      text: readFileSync(join(root, file), 'utf8'),
      vars: undefined,
    })),
    ...filesIn('test/fixtures/cases', '.json').flatMap((file) => {
      const { script, vars } = JSON.parse(readFileSync(join(root, file), 'utf8')) as {
        script?: string | string[]
        vars?: unknown
      }
      if (script === undefined) return []
      const text = Array.isArray(script) ? script.join('\n') : script
      return [
        {
          file,
          text,
          vars:
            vars === undefined ? undefined : storedVars(decodeTaskRequest(Buffer.from(JSON.stringify({ vars }))).vars),
        },
      ]
    }),
  ]

  it('are many', () => {
    expect(scripts.length).toBeGreaterThan(60)
  })

  it.each(scripts)('$file has none of these slips', ({ file, text, vars }) => {
    const slips = /no row has|share the alert id|is the name of one tag|got (?:string|int|float)|for type string/
    const found = checkScript(text, { vars: vars as never }).filter(
      (d) => d.severity === 'warning' && slips.test(d.message),
    )
    const allowed = Object.entries(meant).find(([name]) => file.endsWith(name))?.[1]
    expect(found.filter((d) => allowed?.test(d.message) !== true)).toEqual([])
  })
})
