import { describe, expect, it } from 'vitest'
import { compileMatch } from '../../../src/alerts/match.js'
import { delivery } from './events.js'

/** Level CRITICAL, previously OK, measurement `m`, task `task1`, duration 5 ns, tag host=a. */
const given = () => delivery({ tags: { host: 'a', level: 'x' } })

describe('match expressions', () => {
  it.each([
    ['level() == CRITICAL', true],
    ['level() > WARNING AND level() >= INFO', true],
    ['level() == OK OR level() == INFO', false],
    ['changed()', true],
    ['changed() == FALSE', false],
    ["name() == 'm'", true],
    ["taskName() != 'task1'", false],
    ['alertDuration() == 5u', false],
    ['alertDuration() < 1u', true],
    ['duration() < 1u AND duration(3, 1u) < 4s', true],
    [`"host" == 'a' AND "level" == 'x'`, true],
    [`"host" =~ /^[ab]$/`, true],
    [`isPresent("host")`, true],
    [`strLength(name()) == 1 AND if(changed(), level(), 0) == 3`, true],
    [`!changed()`, false],
    ['TRUE', true],
    [`day("time") == 13`, true],
  ])('%s', (text, expected) => {
    expect(compileMatch(text)(given())).toBe(expected)
  })

  it.each([
    ['level( ==', /^invalid match expression: parser: unexpected unknown state, last char: '='/],
    ['', /^invalid match expression: parser: /],
    ['level() == BOGUS', /^unknown identifier "BOGUS"$/],
    ['changed', /^unknown identifier "changed"$/],
    [`'a' + 1`, /^invalid match expression: .*mismatched type/],
    [`"host" =~ /(/`, /^invalid match expression: .*regexp/],
  ])('%j cannot be made', (text, reason) => {
    expect(() => compileMatch(text)).toThrow(reason)
  })

  it.each([
    [`"nope" == 'x'`, 'no tag exists for nope'],
    ['level()', 'expression returned unexpected type int64'],
    ['level() * 1.5', /mismatched type/],
    ['name()', 'expression returned unexpected type string'],
    ['alertDuration()', 'expression returned unexpected type time.Duration'],
    ['1.5', 'expression returned unexpected type float64'],
    ['nope()', 'undefined function: "nope"'],
    ['level(1)', /Cannot call function "level" with args/],
  ])('%j cannot be judged', (text, reason) => {
    expect(() => compileMatch(text)(given())).toThrow(reason)
  })

  const cells = { usage: 91.5, n: 3n, up: true, text: 'abc' }
  it.each([
    ["field('usage') > 90.0", true],
    ["field('usage') > 95.0 OR field('n') == 3", true],
    ["field('n') * 2 == 6 AND field('up') AND field('text') =~ /^a/", true],
    ["isPresent(field('usage')) AND !isPresent(field('nope'))", true],
    ["float(field('v')) > 0.0", true],
    ['previousLevel() == WARNING AND level() > previousLevel()', true],
    ['changed() == (level() != previousLevel())', true],
    ["\"host\" == 'a' AND field('text') == 'abc'", true],
  ])('of fields and the previous level: %s', (text, expected) => {
    expect(compileMatch(text)(delivery({ tags: { host: 'a' }, cells }, 2))).toBe(expected)
  })

  it.each([
    ["field('nope') > 1.0", /field\('nope'\)" is missing value/],
    ["field('n') > 'x'", /mismatched type|invalid comparison|mismatch/],
  ])('%j cannot be judged for the fields of an event', (text, reason) => {
    expect(() => compileMatch(text)(delivery({ cells }))).toThrow(reason)
  })

  it.each(['field()', 'field("usage") > 1', "field('a', 'b')"])('%s cannot be made', (text) => {
    expect(() => compileMatch(text)).toThrow("field takes the name of a field, field('value')")
  })

  it('has a bound on its length, and so on the work that an event costs', () => {
    const long = `strLength(name()) == ${'1 + '.repeat(2000)}1`
    expect(() => compileMatch(long)).toThrow(`a match is at most 4096 characters long, got ${long.length}`)
    const doubling = 'strReplace('.repeat(100) + 'name()' + ", 'm', 'mmmmmmmm', -1)".repeat(100)
    const started = performance.now()
    expect(() => compileMatch(`${doubling} == ''`)(given())).toThrow('too long')
    expect(performance.now() - started).toBeLessThan(5000)
  })

  it('stateful functions count over the events of the handler, each handler for itself', () => {
    const first = compileMatch('count() == 2')
    const second = compileMatch('count() == 2')
    expect([first(given()), first(given()), first(given())]).toEqual([false, true, false])
    expect(second(given())).toBe(false)
  })

  it('the previous level counts, not the group', () => {
    expect(compileMatch('changed()')(delivery({}, 3))).toBe(false)
  })
})
