import { describe, expect, it } from 'vitest'
import { timeNs, zeroTime } from '../../../src/api/times.js'
import { parseLosslessJson } from '../../../src/go/lossless-json.js'

const layout = '"\\"2006-01-02T15:04:05Z07:00\\""'

describe('times in bodies', () => {
  it.each([
    ['1970-01-01T00:00:01Z', 1_000_000_000n],
    ['1970-01-01T01:00:00.5+01:00', 500_000_000n],
    ['1970-01-01T00:00:00.1234567899Z', 123_456_789n],
    ['2024-02-29T00:00:00Z', 1_709_164_800_000_000_000n],
    ['0001-01-01T00:00:00Z', zeroTime],
  ])('%s', (text, ns) => {
    expect(timeNs(text)).toBe(ns)
  })

  it('that are absent are the zero time', () => {
    expect([timeNs(undefined), timeNs(null)]).toEqual([zeroTime, zeroTime])
  })

  it.each([
    ['"x"', `parsing time "\\"x\\"" as ${layout}: cannot parse "x\\"" as "2006"`],
    ['"2020-01-01"', `parsing time "\\"2020-01-01\\"" as ${layout}: cannot parse "\\"" as "T"`],
    [
      '"2020-01-01 00:00:00Z"',
      `parsing time "\\"2020-01-01 00:00:00Z\\"" as ${layout}: cannot parse " 00:00:00Z\\"" as "T"`,
    ],
    ['"2020-01-01T00:00:00"', `parsing time "\\"2020-01-01T00:00:00\\"" as ${layout}: cannot parse "\\"" as "Z07:00"`],
    ['"2020-13-01T00:00:00Z"', 'parsing time "\\"2020-13-01T00:00:00Z\\"": month out of range'],
    ['"2020-00-01T00:00:00Z"', 'parsing time "\\"2020-00-01T00:00:00Z\\"": month out of range'],
    ['"2023-02-29T00:00:00Z"', 'parsing time "\\"2023-02-29T00:00:00Z\\"": day out of range'],
    ['"2020-01-01T24:00:00Z"', 'parsing time "\\"2020-01-01T24:00:00Z\\"": hour out of range'],
    ['"2020-01-01T00:00:60Z"', 'parsing time "\\"2020-01-01T00:00:60Z\\"": second out of range'],
    ['5', `parsing time "5" as ${layout}: cannot parse "5" as "\\""`],
    ['true', `parsing time "true" as ${layout}: cannot parse "true" as "\\""`],
  ])('%s is none', (json, text) => {
    expect(() => timeNs(parseLosslessJson(json))).toThrow(text)
  })
})
