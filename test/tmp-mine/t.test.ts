import { test } from 'vitest'
import { parseTolerantly } from '/work/main/src/tickscript/tolerant-parser.ts'
test('x', () => {
  for (const s of [
    'x = 5', 'var _x = 5\nvar y = 1', 'stream|from()|log', `var a = stream|from().measurement('cpu)
var b = stream|from().measurement('mem')
b|log`, `var a = stream|from(
var b = 08
var c = 1`, `stream|from() # c
  |log()
stream|from()|where(lambda: "a" and TRUE)
x = 5 var z = = 3 var ok = 1`, '= 5', `var x = 1
stream
  |from()
  |foo(/[/)
var t = 99999999999999999999999h var u = 08`, `stream|from()|alert().crit(lambda: "a" > 1`
  ]) {
    const r = parseTolerantly(s)
    console.log(JSON.stringify(s), '\n', r.faults.map(f => JSON.stringify(f)).join('\n '), '\n lost', r.lost.map(l => JSON.stringify(s.slice(l.from, l.to))).join(' '), '\n st', r.statements.map(s => s.type + ' ' + ((s as any).name?.name ?? '')).join('; '))
  }
})
