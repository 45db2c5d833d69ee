import { expect, it } from 'vitest'
import { NameTable } from '../../../../src/operators/kit/window-names.js'

it('has one id per name as long as a group has it', () => {
  const names = new NameTable()
  const a = names.take('a')
  const b = names.take('b')
  names.take('a')
  names.give(b)
  // The name that was asked for last goes; the other one still is what it was.
  expect(names.take('a')).toBe(a)
  expect(names.take('c')).toBe(b)
  for (let i = 0; i < 3; i++) names.give(a)
  expect([names.take('d'), names.nameOf(a), names.nameOf(b)]).toEqual([a, 'd', 'c'])
})
