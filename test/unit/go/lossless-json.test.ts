/** Long and deep JSON: neither runs out of stack. */
import { describe, expect, it } from 'vitest'
import { parseLosslessJson } from '../../../src/go/lossless-json.js'

describe('lossless JSON', () => {
  it('reads strings of millions of characters', () => {
    const text = `${'plain'.repeat(1_000_000)}${'\n"\\\u2028'.repeat(500_000)}`
    expect(parseLosslessJson(JSON.stringify(text)) === text).toBe(true)
  })

  it('refuses what is no string where it breaks', () => {
    expect(() => parseLosslessJson('"abc')).toThrow('unexpected EOF')
    expect(() => parseLosslessJson('"a\\qb"')).toThrow("invalid character 'q' in string escape code")
    expect(() => parseLosslessJson('"a\nb"')).toThrow("invalid character '\\n' in string literal")
    expect(() => parseLosslessJson('"\\u12x4"')).toThrow("invalid character 'x' in \\u hexadecimal character escape")
  })

  it('refuses deep nesting', () => {
    expect(() => parseLosslessJson('['.repeat(1_000_000))).toThrow('nested deeper than')
  })
})
