import { expect, it } from 'vitest'
import { checkCron } from '../../../../src/operators/batch/cron.js'

const errorOf = (text: string): string => {
  try {
    checkCron(text)
    return 'none'
  } catch (err) {
    return (err as Error).message
  }
}

it.each([
  ['0 0 * * *', 'none'],
  ['*/3 * * * * * *', 'none'],
  ['30 4 * * * 2027', 'none'],
  ['0 0 15W * *', 'none'],
  ['0 0 LW * 1#2,5L', 'none'],
  ['5/20 8-17 1,15 jan-mar mon', 'none'],
  ['@daily', 'none'],
  ['0 0 * *', 'missing field(s)'],
  ['@every 1h', 'missing field(s)'],
  ['constructor', 'missing field(s)'],
  ['61 * * * *', "syntax error in minute field: '61'"],
  ['* * * foo *', "syntax error in month field: 'foo'"],
  ['* * * * * * 1960', "syntax error in year field: '1960'"],
  ['10-5 * * * *', "syntax error in minute field: '10-5'"],
  ['*/90 * * * *', 'invalid interval */90'],
])('%j: %s', (text, expected) => {
  expect(errorOf(text)).toBe(expected)
})
