/** Scripts that the original refuses although nothing is wrong with them (docs/compatibility.md, TICKscript and lambdas). */
import { describe, expect, it } from 'vitest'
import { evaluateScript } from '../../../src/compile/evaluate-script.js'

describe('beyond the original', () => {
  it('shifts twice in a row', () => {
    const { pipeline } = evaluateScript("stream|from().measurement('m')|shift(1m)|shift(-2m)|httpOut('x')", {})
    expect(pipeline.nodes.map((n) => n.name)).toEqual(['stream0', 'from1', 'shift2', 'shift3', 'http_out4'])
  })

  it('takes a regex that begins with a letter beyond ASCII', () => {
    const script = "stream|from().measurement('m')|where(lambda: \"host\" =~ /éa.*/)|httpOut('x')"
    expect(evaluateScript(script, {}).pipeline.nodes).toHaveLength(4)
  })

  it('reports a property without its dot at its place', () => {
    const script = "stream\n    |from()\n        measurement('m')\n    |httpOut('x')\n"
    expect(() => evaluateScript(script, {})).toThrow('line 3 char 9: no global function "measurement" defined')
  })
})
