import { expect, it } from 'vitest'
import { NameBytes } from '../../../src/columns/name-bytes.js'

it('keeps the bytes of names, but not of any number and not of long ones', () => {
  const names = new NameBytes()
  const host = names.of('hôst')
  expect([...host]).toEqual([104, 195, 180, 115, 116])
  expect(names.of('hôst')).toBe(host)
  const long = 'x'.repeat(2000)
  expect(names.of(long).length).toBe(2000)
  expect(names.of(long)).not.toBe(names.of(long))
  for (let i = 0; i < 2000; i++) names.of(`n${i}`)
  expect(names.of('hôst')).not.toBe(host)
})
