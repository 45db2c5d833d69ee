import { RE2JS } from 're2js'
import { describe, expect, it } from 'vitest'
import { encodeUtf8 } from '../../../src/columns/column.js'
import { expansion, Pattern } from '../../../src/lambda/regex.js'

const inputs = [
  '',
  'a',
  'abc',
  'xabc',
  'abcx',
  'server01',
  'server12.dc',
  'é1',
  'a\nb',
  'a.b',
  '\u2028',
  '12',
  'a b',
  '😀',
  'AB-c',
]

describe('patterns', () => {
  it.each([
    ['abc', 'literal'],
    ['^abc', 'literal'],
    ['abc$', 'literal'],
    ['^abc$', 'literal'],
    ['a\\.b', 'literal'],
    ['', 'literal'],
    ['^$', 'literal'],
    ['é', 'literal'],
    ['^server[0-9]+', 'RegExp'],
    ['^a.c$', 'RegExp'],
    ['a.b', 'RegExp'],
    ['^.$', 'RegExp'],
    ['^\\w\\d?', 'RegExp'],
    ['\\s', 'RegExp'],
    ['[^a-c]', 'RegExp'],
    ['^[A-Z]', 'RegExp'],
    ['a+b+', 're2'],
    ['[0-9]+$', 're2'],
    ['(a|b)', 're2'],
    ['(?i)ABC', 're2'],
    ['\\pL', 're2'],
    ['^a*?b', 're2'],
    ['^a{2}', 're2'],
    ['[[:alpha:]]', 're2'],
    ['\\bb', 're2'],
    ['a$b', 're2'],
    ['^(?s).$', 're2'],
  ])('/%s/ goes by %s and matches what RE2 matches', (source, route) => {
    const p = new Pattern(source)
    const re2 = RE2JS.compile(source)
    expect(p.route).toBe(route)
    for (const s of inputs) {
      const expected = re2.matcher(s).find()
      expect(p.test(s), `${source} on ${JSON.stringify(s)}`).toBe(expected)
      const bytes = encodeUtf8(`<${s}>`)
      // Twice: the second answer may come from memory.
      for (let k = 0; k < 2; k++) expect(p.testBytes(bytes, 1, bytes.length - 2), source).toBe(expected)
    }
  })

  it('stays linear', () => {
    const evil = 'a'.repeat(20_000)
    for (const source of ['(a+)+$b', '(a*)*b', 'a.*a.*a.*b', '^a*b', 'a?a?a?b']) {
      const started = performance.now()
      expect(new Pattern(source).test(evil)).toBe(false)
      expect(performance.now() - started, source).toBeLessThan(1500)
    }
  })

  it('reports syntax errors in the words of RE2', () => {
    expect(() => new Pattern('a(b')).toThrow('error parsing regexp: missing closing ): `a(b`')
  })

  it('splits replacements', () => {
    expect(expansion('a$1b')).toEqual(['a', { group: '1b' }])
    expect(expansion('$' + '{1}b$$')).toEqual([{ group: '1' }, 'b', '$'])
    const broken = '$-$' + '{}$' + '{a'
    expect(expansion(broken)).toEqual([broken])
  })
})
