import { describe, expect, it } from 'vitest'
import { evaluateConstant } from '../../../src/lambda/constant.js'
import { operatorRegistry } from '../../../src/operators/registry.js'
import { evaluate } from '../../../src/tickscript/evaluate.js'
import { parse } from '../../../src/tickscript/parser.js'

function errorOf(script: string): string {
  try {
    evaluate(parse(script), { registry: operatorRegistry, constant: evaluateConstant })
    return 'none'
  } catch (err) {
    return (err as Error).message
  }
}

const sources = 'var a = stream|from() var b = stream|from()\n'

describe('a good call', () => {
  it.each([
    ['union', 'a|union(b)'],
    ['join', "a|join(b).as('x', 'y')"],
    ['combine', "a|combine(lambda: TRUE, lambda: TRUE).as('x', 'y').max(5)"],
    ['flatten', "a|flatten().on('h').dropOriginalFieldName().tolerance(1s)"],
    ['stateDuration', "a|stateDuration(lambda: TRUE).as('x').unit(1m)"],
    ['stateCount', "a|stateCount(lambda: TRUE).as('x')"],
    ['changeDetect', "a|changeDetect('x', 'y')"],
    ['sideload', "a|sideload().source('file:///x').order('a', 'b').field('f', 1).tag('t', 'x')"],
    ['stats', 'a|stats(1s).align()'],
    ['deadman', "a|deadman(0.0, 10s, lambda: TRUE).log('/tmp/x')"],
    ['elapsed', "a|elapsed('v', 1s).as('x')"],
    ['difference', "a|difference('v')"],
    ['movingAverage', "a|movingAverage('v', 3)"],
    ['cumulativeSum', "a|cumulativeSum('v')"],
    ['holtWinters', "a|holtWinters('v', 1, 2, 3s)"],
    ['holtWintersWithFit', "a|holtWintersWithFit('v', 1, 2, 3s)"],
    ['kapacitorLoopback', "a|kapacitorLoopback().database('d').retentionPolicy('r').tag('k', 'v')"],
    ['influxDBOut', "a|influxDBOut().database('d').tag('k', 'v').create().buffer(5)"],
    ['k8sAutoscale', "a|k8sAutoscale().resourceName('x').replicas(lambda: 5)"],
    ['swarmAutoscale', "a|swarmAutoscale().serviceName('x').replicas(lambda: 5)"],
    ['ec2Autoscale', "a|ec2Autoscale().groupNameTag('x').replicas(lambda: 5)"],
    ['trickle', 'a|window().period(1s)|trickle()'],
  ])('of %s', (_method, script) => {
    expect(errorOf(sources + script)).toBe('none')
  })

  it('query', () => {
    const script = "batch|query('SELECT 1').period(1s).every(1s).groupBy(time(1s), *).fill(0)|log()"
    expect(errorOf(script)).toBe('none')
  })
})

describe("a script's own mistakes come first", () => {
  it.each([
    ['a|join(b)', 'a call to join.as() is required to specify the output stream prefixes.'],
    ["a|join(b).as('x')", 'number of prefixes specified by join.as() must match the number of joined streams'],
    ["a|join(b).as('x', 'x')", 'cannot use the same prefix name see .as() property method'],
    ["a|join(b).as('x', '')", 'must provide a prefix name for the join node, see .as() property method'],
    ["a|join(b).as('a.x', 'y')", 'cannot use name a.x as field prefix, it contains the delimiter "."\t'],
    ["a|combine(lambda: TRUE).as('a.x')", 'cannot use name a.x as field prefix, it contains the delimiter .'],
    [
      "a|combine(lambda: TRUE).as('a', 'b')",
      'number of prefixes specified by combine.as() must match the number of combine expressions',
    ],
    ['a|kapacitorLoopback()', 'must specify a database'],
    ["a|kapacitorLoopback().database('d')", 'must specify a retention policy'],
    ['a|k8sAutoscale()', 'must specify exactly one of ResourceName or ResourceNameTag'],
    ["a|k8sAutoscale().resourceName('x').min(0)", 'min must be >= 1, got 0'],
    ["a|swarmAutoscale().serviceName('x')", 'must provide a replicas lambda expression'],
    [
      "a|k8sAutoscale().resourceName('x').kind('pods')",
      "invalid Kind, must be 'deployments', 'replicasets' or 'replicationcontrollers', got pods",
    ],
    [
      'a|trickle()',
      'line 2 char 3: error calling func "trickle" on obj *pipeline.FromNode: cannot Trickle stream edge',
    ],
    ['a|influxDBOut()|log()', 'line 2 char 17: no method or property "log" on *pipeline.InfluxDBOutNode'],
  ])('%j', (script, text) => {
    expect(errorOf(sources + script)).toBe(text)
  })
})
