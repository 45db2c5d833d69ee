import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareBytewise, goJson, goJsonIndent, jsonFloat, jsonString } from '../../src/columns/json-encode.js'

const text = fc.string({ unit: 'binary', maxLength: 40 })

describe('JSON', () => {
  it('strings read back as they were and hold nothing that must be escaped', () => {
    fc.assert(
      fc.property(text, (s) => {
        const encoded = jsonString(s)
        expect(JSON.parse(encoded)).toBe(s)
        expect(encoded).not.toMatch(/[<>&\u2028\u2029]/)
      }),
    )
  })

  it('floats read back as they were', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (v) => {
        expect(JSON.parse(jsonFloat(v))).toBe(v)
      }),
    )
  })

  it('plain values read back as they were, with and without indent', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (v) => {
        // As texts: JSON of JavaScript has no negative zero.
        expect(JSON.stringify(JSON.parse(goJson(v)))).toBe(JSON.stringify(v))
        expect(JSON.stringify(JSON.parse(goJsonIndent(v)))).toBe(JSON.stringify(v))
      }),
    )
  })

  it('order is that of the UTF-8 bytes', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareBytewise(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
    )
  })
})
