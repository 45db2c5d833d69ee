import { describe, expect, it } from 'vitest'
import { parseInfluxql } from '../../../src/influxql/influxql-parser.js'

const sourcesOf = (text: string): string[] => {
  const [statement] = parseInfluxql(text)
  if (statement.kind !== 'select') throw new Error(statement.text)
  return statement.sources.map((s) => `${s.db}|${s.rp}|${s.regex ? `/${s.name}/` : s.name}`)
}
const errorOf = (text: string): string => {
  try {
    parseInfluxql(text)
    return 'none'
  } catch (err) {
    return (err as Error).message
  }
}

describe('sources', () => {
  it.each([
    ['SELECT mean("usage") FROM "db1"."autogen"."cpu" WHERE "host" = \'a\' OR "host" = \'b\'', ['db1|autogen|cpu']],
    ['select mean(usage) as m from db1.autogen.cpu where usage > 0.0001 and cnt < 1000', ['db1|autogen|cpu']],
    ['SELECT usage,cnt FROM "db1"."autogen"./^(cpu|mem)$/ ORDER BY time DESC LIMIT 3', ['db1|autogen|/^(cpu|mem)$/']],
    ['SELECT max(usage) FROM "db1"."autogen".cpu GROUP BY host fill(7)', ['db1|autogen|cpu']],
    [
      'SELECT "usage" + 1.5, cnt * -2 FROM d.r.m WHERE ("host" =~ /a\\/b/ AND time > now() - 1h) AND ok = TRUE SLIMIT 2',
      ['d|r|m'],
    ],
    [
      'SELECT usage AS "u v", "a b"."c", cnt::integer FROM "db1"."autogen"."cpu", "db1".."mem", m',
      ['db1|autogen|cpu', 'db1||mem', '||m'],
    ],
    ['SELECT derivative(mean(usage), 1s) FROM d.r.m WHERE time > now() - 1h GROUP BY time(1s), *', ['d|r|m']],
    ['SELECT /us.*/ FROM d.r.m WHERE host !~ /^\\/x$/ ORDER BY DESC LIMIT 5 OFFSET 2 SLIMIT 1 SOFFSET 1', ['d|r|m']],
    ['SELECT DISTINCT v INTO x.y.z FROM d.r.m; ', ['d|r|m']],
  ])('%s', (text, expected) => {
    expect(sourcesOf(text)).toEqual(expected)
  })
})

describe('statements', () => {
  it('several, and such that are no SELECT', () => {
    expect(parseInfluxql('SELECT a FROM m; SELECT b FROM m')).toHaveLength(2)
    expect(parseInfluxql('show databases')).toEqual([{ kind: 'other', text: 'SHOW DATABASES' }])
    expect(parseInfluxql('DROP DATABASE x')).toEqual([{ kind: 'other', text: 'DROP DATABASE x' }])
  })

  it.each([
    ['', 'found EOF, expected SELECT, DELETE, SHOW, CREATE, DROP, GRANT, REVOKE, ALTER, SET, KILL at line 1, char 1'],
    ['SELECT mean(v)', 'found EOF, expected FROM at line 1, char 15'],
    ['SELECT a -1 FROM m', 'found -1, expected FROM at line 1, char 10'],
    ['SELECT v FROM (SELECT v FROM m)', 'found (, expected identifier at line 1, char 15'],
    ["SELECT v FROM m\nWHERE a = 'x", 'found x, unterminated string at line 2, char 11'],
    ['SELECT v FROM m tz', 'found tz, expected ; at line 1, char 17'],
    ['SELECT v FROM m ORDER BY host', 'only ORDER BY time supported at this time'],
    ['SELECT 9223372036854775808 FROM m', 'unable to parse integer at line 1, char 8'],
    [`SELECT ${'('.repeat(5000)}`, 'expression nested deeper than 200'],
  ])('%j', (text, error) => {
    expect(errorOf(text)).toBe(error)
  })
})

it('takes time in proportion to the length of a query', () => {
  const started = performance.now()
  parseInfluxql(`SELECT v FROM m WHERE ${Array(30_000).fill('a = 1').join(' AND ')}`)
  parseInfluxql(`SELECT v FROM m WHERE ${Array(30_000).fill('a = 1').join('\nAND ')}`)
  expect(performance.now() - started).toBeLessThan(5000)
})
