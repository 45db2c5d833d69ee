import { describe, expect, it } from 'vitest'
import { floatText, format } from '../../../src/tickscript/format.js'

describe('statements and literals', () => {
  it.each([
    ['var  a=1 var b string', 'var a = 1\n\nvar b string\n'],
    ['dbrp    "a"."b" dbrp "c\\"d"."e"', 'dbrp "a"."b"\n\ndbrp "c"d"."e"\n'],
    ["var c=[ 'p','q',* ,]", "var c = ['p', 'q', *]\n"],
    ['017 00 1.500 .5 1. 007.5 90s 0010m', '017\n\n00\n\n1.5\n\n0.5\n\n1.0\n\n7.5\n\n90s\n\n0010m\n'],
    ["'it\\'s' '''it's''' '''a''' '' 'back\\\\slash'", "'it\\'s'\n\n'''it's'''\n\n'''a'''\n\n''\n\n'back\\\\slash'\n"],
    ['"a\\"b" "" x =~ /a\\/b/', '"a\\"b"\n\n""\n\nx =~ /a\\/b/\n'],
    ['lambda:x', 'lambda: x\n'],
    ['- "a" > - 1 AND ! "b"', '-"a" > -1 AND !"b"\n'],
    ['(("a")) (-1) -("a"+1) ((1+2))*3', '"a"\n\n-1 - ("a" + 1)\n\n(1 + 2) * 3\n'],
    ['', ''],
  ])('%j', (script, expected) => {
    expect(format(script)).toBe(expected)
  })

  it.each([
    [1e21, '1000000000000000000000.0'],
    [1.5e22, '15000000000000000000000.0'],
    [1e-7, '0.0000001'],
    [1.25e-7, '0.000000125'],
    [3, '3.0'],
    [-0.5, '-0.5'],
  ])('%d as a float literal', (value, text) => {
    expect(floatText(value)).toBe(text)
  })
})

describe('chains and calls', () => {
  it.each([
    [
      "stream|from().measurement('cpu')@u().opt(1)|alert().slack().channel('#x')",
      "stream\n    |from()\n        .measurement('cpu')\n    @u()\n        .opt(1)\n    |alert()\n        .slack()\n        .channel('#x')\n",
    ],
    ['x.a.b', 'x\n        .a\n        .b\n'],
    ['f(1,\n2)', 'f(\n    1,\n    2\n)\n'],
    ['f(1\n,2)', 'f(\n    1,\n    2\n)\n'],
    ['f(1,2\n)', 'f(1, 2)\n'],
    [
      'a|join(b|from(),\nc|where(lambda: TRUE)).as(1,2)',
      'a\n    |join(\n        b\n            |from(),\n        c\n            |where(lambda: TRUE)\n    )\n        .as(1, 2)\n',
    ],
    ['a|join(b|from())', 'a\n    |join(b\n            |from())\n'],
  ])('%j', (script, expected) => {
    expect(format(script)).toBe(expected)
  })
})

describe('line breaks in expressions', () => {
  it.each([
    ['var x = 1 +\n2', 'var x = 1 +\n2\n'],
    ['var x = 1\n+ 2', 'var x = 1 +\n2\n'],
    // What counts of a binary operand is where its operator is.
    ['var x = 1\n+ 2 + 3', 'var x = 1 +\n2 + 3\n'],
    ['var x = 1 +\n2 + 3', 'var x = 1 +\n2 +\n3\n'],
    ['var x = 1 < 2\n+ 3', 'var x = 1 <\n2 +\n3\n'],
    ['f(1, 2\n+ 3)', 'f(\n    1,\n    2 +\n    3\n)\n'],
    ["x|g(\n['a', 'b'])", "x\n    |g(\n        [        'a',         'b']\n    )\n"],
    ['a|where(lambda: "a" AND\n("b" OR\n"c"))', 'a\n    |where(lambda: "a" AND\n        ("b" OR\n            "c"))\n'],
  ])('%j', (script, expected) => {
    expect(format(script)).toBe(expected)
  })
})

describe('comments', () => {
  it.each([
    ['var x = 1 // one\nvar y = 2', 'var x = 1\n\n// one\nvar y = 2\n'],
    ['// a\n//b\n//\n//   c  \nx', '// a\n// b\n//\n//   c\nx\n'],
    ['// a\n\n\n// b\n  // c\n\nx', '// a\n\n// b\n// c\nx\n'],
    ['x // end', 'x\n\n// end\n\n'],
    ['// only', '// only\n\n'],
    [
      'stream|from().measurement(\'m\') // c1\n  // c2\n|alert().crit(lambda: "a" > 1 AND\n "b" < 2)',
      'stream\n    |from()\n        .measurement(\'m\')\n    // c1\n    // c2\n    |alert()\n        .crit(lambda: "a" > 1 AND\n            "b" < 2)\n',
    ],
    [
      'stream // tail\n    |from() // a\n        // b\n        .x(1)',
      'stream\n    // tail\n    |from()\n        // a\n        // b\n        .x(1)\n',
    ],
    ['var x = lambda: // c\n "a" > 1', 'var x = lambda: \n// c\n"a" > 1\n'],
    ['// d\nvar x int', '// d\nvar x int\n'],
    ['// d\ndbrp "a"."b"', '// d\ndbrp "a"."b"\n'],
    ['lambda: // c\n (-x)', 'lambda: \n// c\n-x\n'],
    ['lambda: // c\n ("a" // d\n- 1)', 'lambda: \n// c\n("a" -\n    1)\n'],
    // Before what closes the last call or list: kept after all.
    ['f(1// c\n) // d', 'f(1)\n\n// c\n\n\n// d\n\n'],
    ["['a'// c\n]", "['a']\n\n// c\n\n"],
    // Dropped: before ) ] , and before function names and unary operators inside expressions, lone operands in parentheses.
    ['f(1// c\n)|g()', 'f(1)\n    |g()\n'],
    ['f(1// c\n,2)', 'f(\n    1,\n    2\n)\n'],
    ["['a'// c\n] x", "['a']\n\nx\n"],
    ['lambda: // c\n f()', 'lambda: f()\n'],
    ['lambda: // c\n -x', 'lambda: -x\n'],
    ['lambda: (// c\n "a")', 'lambda: "a"\n'],
  ])('%j', (script, expected) => {
    expect(format(script)).toBe(expected)
  })
})
