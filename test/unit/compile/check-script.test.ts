/** What check reports, script by script: place, marked text, message | hint => what to write. */
import { describe, expect, it } from 'vitest'
import { checkScript } from '../../../src/compile/check-script.js'
import { errorText } from '../../../src/errors.js'
import { parse } from '../../../src/tickscript/parser.js'
import { problems } from './problems.js'

describe('parse errors', () => {
  it.each<[string, string[]]>([
    [
      'x = 5',
      [
        '1:3 [=] parser: unexpected = line 1 char 3 in "x = 5". expected: an operand | A var is declared with var: var x = … Values are compared with ==.',
      ],
    ],
    [
      'var _x = 5',
      [
        '1:5 [_] parser: unexpected unknown state, last char: \'_\' line 1 char 5 in "var _x = 5". expected: "identifier" | Names begin with a letter.',
      ],
    ],
    [
      'Var x = 5',
      [
        '1:7 [=] parser: unexpected = line 1 char 7 in "Var x = 5". expected: an operand | A var is declared with var: var x = …',
      ],
    ],
    [
      'let x = 5',
      [
        '1:7 [=] parser: unexpected = line 1 char 7 in "let x = 5". expected: an operand | A var is declared with var: var x = …',
      ],
    ],
    [
      'stream|from()|log',
      [
        '1:18 [] parser: unexpected EOF line 1 char 18 in "from()|log". expected: "(" | Methods behind | are called: log().',
      ],
    ],
    [
      'stream|from()|where(lambda: "a" and TRUE)',
      [
        '1:33 [and] parser: unexpected identifier line 1 char 33 in "mbda: "a" and TRUE)". expected: ")" | Keywords are written in capitals: AND. => AND',
      ],
    ],
    [
      'stream|from()|where(lambda: "a" = 5)',
      [
        '1:33 [=] parser: unexpected = line 1 char 33 in "mbda: "a" = 5)". expected: ")" | Values are compared with ==. => ==',
      ],
    ],
    [
      'stream\n    |from() # comment',
      [
        '2:13 [#] parser: unexpected unknown state, last char: \'#\' line 2 char 13 in "  |from() # comment". expected: an operand | Comments begin with //.',
      ],
    ],
    [
      'stream|from().where(lambda: "v" > )',
      [
        '1:35 [)] parser: unexpected ) line 1 char 35 in "da: "v" > )". expected: an operand | Something is missing before it.',
      ],
    ],
    [
      'stream|from()|',
      ['1:15 [] parser: unexpected EOF line 1 char 15 in "am|from()|". expected: "identifier" | A name follows.'],
    ],
    [
      "stream|from()|'log'()",
      [
        '1:15 [\'log\'] parser: unexpected string line 1 char 15 in "am|from()|\'log\'()". expected: "identifier" | A name is written without quotes.',
      ],
    ],
    [
      'stream\n    |from())\n    |log()',
      [
        '2:12 [)] parser: unexpected ) line 2 char 12 in "   |from())". expected: an operand | No parenthesis is open here.',
      ],
    ],
    [
      'var var = 1',
      [
        '1:5 [var] parser: unexpected var line 1 char 5 in "var var = 1". expected: "identifier" | var is a keyword and cannot be a name.',
      ],
    ],
    [
      'var l = [1, 2]',
      [
        '1:10 [1] parser: unexpected number line 1 char 10 in "var l = [1, 2]". expected: "identifier","string","*" | Lists hold strings, names and stars only.',
      ],
    ],
    [
      'stream|from(',
      [
        '1:13 [] parser: unexpected EOF line 1 char 13 in "ream|from(". expected: an operand | A closing parenthesis is missing.',
      ],
    ],
    [
      'stream|from(\nvar x = 1',
      [
        '2:1 [var] parser: unexpected var line 2 char 1 in "var x = 1". expected: an operand | A closing parenthesis is missing before it.',
      ],
    ],
    [
      'stream|from().where(lambda "v" > 1)',
      [
        '1:28 ["v"] parser: unexpected reference line 1 char 28 in "re(lambda "v" > 1)". expected: ")" | lambda: needs its colon.',
      ],
    ],
    [
      'stream|from().where(lambda : "v" > 1)',
      [
        '1:28 [:] parser: unexpected unknown state, last char: \':\' line 1 char 28 in "re(lambda : "v" > 1)". expected: ")" | lambda: is written without a blank.',
      ],
    ],
    [
      "stream|from().where(lambda: \"v > 1)|httpOut('o')",
      [
        '1:29 ["v > 1)|httpOut(\'o\')] parser: unexpected unterminated field reference line 1 char 29 in "e(lambda: "v > 1)|ht". expected: an operand | The closing " is missing.',
      ],
    ],
    [
      'stream|from().where(lambda: "v" =~ /abc)|httpOut(\'o\')',
      [
        '1:36 [/abc)|httpOut(\'o\')] parser: unexpected unterminated regex line 1 char 36 in "a: "v" =~ /abc)|http". expected: an operand | A / here begins a regex. Division needs an operand before it.',
      ],
    ],
    [
      "stream|from().measurement('''cpu)",
      [
        "1:27 ['''cpu)] parser: unexpected unterminated string line 1 char 27 in \"asurement('''cpu)\". expected: an operand | The closing ''' is missing.",
      ],
    ],
    [
      "stream|from().measurement('cpu)\n    |log()\nvar x = 'y'",
      [
        '3:10 [y] parser: unexpected identifier line 3 char 10 in "var x = \'y\'". expected: ")" | The text before it begins in line 1: is its closing quote missing there?',
      ],
    ],
    [
      'var x = 1.2.3',
      [
        '1:9 [1.2] parser: unexpected multiple decimals in number line 1 char 9 in "var x = 1.2.3". expected: an operand | Addresses and versions are strings: \'10.0.0.1\'.',
      ],
    ],
    ['var x = 08', ['1:9 [08] parser: illegal number syntax: "08" | A leading zero makes an integer octal. => 8']],
    [
      'var x = 9223372036854775808',
      [
        '1:9 [9223372036854775808] parser: illegal number syntax: "9223372036854775808" | Integers go up to 9223372036854775807; write a float with a dot.',
      ],
    ],
    [
      'var x = 200000w',
      [
        '1:9 [200000w] parser: overflowed duration 200000w: choose a smaller duration or INF | The longest duration is about 292 years (15250w).',
      ],
    ],
    [
      'var x = 1h30m',
      [
        '1:1 [var] invalid task type: invalid | Some chain or var begins with stream or batch: stream|from()…',
        'warning 1:11 [30m] a value alone has no effect | A duration has one number and one unit: 90m, not 1h30m.',
      ],
    ],
    [
      'var x = 1.5h',
      [
        '1:1 [var] invalid task type: invalid | Some chain or var begins with stream or batch: stream|from()…',
        'warning 1:12 [h] a value alone has no effect | Durations are whole numbers: 1500ms, not 1.5s.',
      ],
    ],
    [
      'var x = 10 s',
      [
        '1:1 [var] invalid task type: invalid | Some chain or var begins with stream or batch: stream|from()…',
        'warning 1:12 [s] a value alone has no effect | A duration is written without a blank.',
      ],
    ],
    [
      'var x = 10ns',
      [
        '1:1 [var] invalid task type: invalid | Some chain or var begins with stream or batch: stream|from()…',
        'warning 1:11 [ns] a value alone has no effect | Units of durations are u, ms, s, m, h, d and w.',
      ],
    ],
    [
      'var x = 1e5',
      [
        '1:1 [var] invalid task type: invalid | Some chain or var begins with stream or batch: stream|from()…',
        'warning 1:10 [e5] a value alone has no effect | Numbers have no exponent: write all digits.',
      ],
    ],
    ['var x = /[/', ['1:9 [/[/] parser: error parsing regexp: missing closing ]: `[`']],
    [
      "dbrp 'a'.'b'",
      [
        '1:6 [\'a\'] parser: unexpected string line 1 char 6 in "dbrp \'a\'.\'b\'". expected: "reference" | A database and retention policy are written dbrp "database"."policy".',
      ],
    ],
    [
      'dbrp "a"',
      [
        '1:9 [] parser: unexpected EOF line 1 char 9 in "dbrp "a"". expected: "." | A database and retention policy are written dbrp "database"."policy".',
      ],
    ],
    [
      "var l = ['a' 'b']",
      ["1:14 ['b'] parser: unexpected string line 1 char 14 in \" l = ['a' 'b']\". expected: \"]\""],
    ],
    [
      'stream|from() + 1',
      [
        '1:15 [+] parser: unexpected + line 1 char 15 in "am|from() + 1". expected: an operand | Calculations over nodes do not exist; values are computed in lambdas.',
      ],
    ],
    [
      'stream|where((lambda: TRUE))',
      [
        '1:15 [lambda:] parser: unexpected lambda line 1 char 15 in "am|where((lambda: TR". expected: an operand | A lambda stands alone: not in parentheses, not inside an expression.',
      ],
    ],
    [
      '"a" =~ /x/ == TRUE',
      [
        '1:12 [=] parser: unexpected unknown state, last char: \'=\' line 1 char 12 in "a" =~ /x/ == TRUE". expected: an operand | Behind a regex, a list or a star only AND and OR can follow.',
      ],
    ],
    [
      'stream|from()|where(lambda: "a" && "b")',
      [
        '1:33 [&] parser: unexpected unknown state, last char: \'&\' line 1 char 33 in "mbda: "a" && "b")". expected: ")" | Conditions are joined with AND.',
      ],
    ],
    [
      'stream|from()|where(lambda: "a" > 1 || "b")',
      [
        '1:37 [|] parser: unexpected | line 1 char 37 in ": "a" > 1 || "b")". expected: ")" | Conditions are joined with OR.',
      ],
    ],
    [
      'var a = "x" ? 1 : 2',
      [
        '1:13 [?] parser: unexpected unknown state, last char: \'?\' line 1 char 13 in "r a = "x" ? 1 : 2". expected: an operand | A choice is written if(condition, then, else).',
      ],
    ],
    [
      'stream|from()\n/* all */\n|log()',
      [
        '2:1 [/] parser: unexpected / line 2 char 1 in "/* all */". expected: an operand | There are no block comments: write // before each line.',
      ],
    ],
    [
      'stream|from();',
      [
        '1:14 [;] parser: unexpected unknown state, last char: \';\' line 1 char 14 in "eam|from();". expected: an operand | Statements need no separator.',
      ],
    ],
    [
      '﻿stream|from()',
      [
        '1:1 [﻿] parser: unexpected unknown state, last char: \'\\ufeff\' line 1 char 1 in "﻿stream|". expected: an operand | The file begins with a byte order mark: save it without one.',
      ],
    ],
    [
      'stream|from().measurement(“cpu”)',
      [
        "1:27 [“] parser: unexpected unknown state, last char: '“' line 1 char 27 in \"asurement(“cpu”)\". expected: an operand | Strings are written in straight single quotes: 'text'.",
      ],
    ],
    [
      'stream|from()|alert() {\n}',
      [
        '1:23 [{] parser: unexpected unknown state, last char: \'{\' line 1 char 23 in ")|alert() {". expected: an operand | There are no blocks; lists are written in [ ].',
      ],
    ],
    [
      'stream|from()|window().period(1h30m)',
      [
        '1:33 [30m] parser: unexpected duration line 1 char 33 in ".period(1h30m)". expected: ")" | A duration has one number and one unit: 90m, not 1h30m.',
      ],
    ],
    [
      'stream|from()|window().period(1.5h)',
      [
        '1:34 [h] parser: unexpected identifier line 1 char 34 in "period(1.5h)". expected: ")" | Durations are whole numbers: 1500ms, not 1.5s.',
      ],
    ],
    [
      'stream|from()|window().period(10 s)',
      [
        '1:34 [s] parser: unexpected identifier line 1 char 34 in "period(10 s)". expected: ")" | A duration is written without a blank: 10s.',
      ],
    ],
    [
      'stream|from()|window().period(10ns)',
      [
        '1:33 [ns] parser: unexpected identifier line 1 char 33 in ".period(10ns)". expected: ")" | Units of durations are u, ms, s, m, h, d and w.',
      ],
    ],
    [
      'stream|from()|where(lambda: "x" > 1e5)',
      [
        '1:36 [e5] parser: unexpected identifier line 1 char 36 in "a: "x" > 1e5)". expected: ")" | Numbers have no exponent: write all digits.',
      ],
    ],
  ])('%j', (script, expected) => {
    expect(problems(script)).toEqual(expected)
  })
})
describe('several errors', () => {
  it.each<[string, string[]]>([
    [
      "var a = 08\nvar b = stream|from(\nx = 1\nvar c = 'ok'\nstream|frm().measurement(c)",
      [
        '1:9 [08] parser: illegal number syntax: "08" | A leading zero makes an integer octal. => 8',
        '3:3 [=] parser: unexpected = line 3 char 3 in "x = 1". expected: ")" | A var is declared with var: var x = … Values are compared with ==.',
        '5:8 [frm] line 5 char 8: no method or property "frm" on *pipeline.StreamNode | Did you mean from? => from',
      ],
    ],
    [
      "var a = stream|from().measurement('cpu)\nvar b = stream|from().measurement('mem')\nb|log",
      [
        '2:36 [mem] parser: unexpected identifier line 2 char 36 in "surement(\'mem\')". expected: ")" | The text before it begins in line 1: is its closing quote missing there?',
        '3:6 [] parser: unexpected EOF line 3 char 6 in "b|log". expected: "(" | Methods behind | are called: log().',
      ],
    ],
    [
      "stream|from().measurment('cpu').grupBy('host')|window().perod(1m)\n    |maen('x')",
      [
        '1:15 [measurment] line 1 char 15: no method or property "measurment" on *pipeline.FromNode | Did you mean measurement? => measurement',
        '1:33 [grupBy] line 1 char 33: no method or property "grupBy" on *pipeline.FromNode | Did you mean groupBy? => groupBy',
        '1:57 [perod] line 1 char 57: no method or property "perod" on *pipeline.WindowNode | Did you mean period? => period',
        '2:6 [maen] line 2 char 6: no method or property "maen" on *pipeline.WindowNode | Did you mean mean? => mean',
      ],
    ],
    [
      "var w = stream|from()|windw().period(1m)\nw|sum('x')|alert().crit(lambda: 'x' > 1)\nstream|from()|nonsense()",
      [
        '1:23 [windw] line 1 char 23: no method or property "windw" on *pipeline.FromNode | Did you mean window? => window',
        '2:33 [\'x\'] mismatched type to binary operator. got string > int. see bool(), int(), float(), string(), duration() | Single quotes make a string; a field or tag is written "x". => "x"',
        '3:15 [nonsense] line 3 char 15: no method or property "nonsense" on *pipeline.FromNode',
      ],
    ],
    [
      'var a = b\nvar c = a\nvar d = c + e\nstream|from()',
      [
        '1:9 [b] name "b" is undefined. Names in scope: stream,time | Vars are declared before they are used; strings are written in single quotes: \'b\'.',
        '3:13 [e] name "e" is undefined. Names in scope: a,c,stream,time | Vars are declared before they are used; strings are written in single quotes: \'e\'.',
      ],
    ],
    [
      'stream|from()|eval(lambda: abs(5), lambda: "a" + "b" == \'c\' AND hour("x") == 1, lambda: 1 + 2.0).as(\'a\', \'b\')',
      [
        '1:15 [eval] must specify same number of expressions and .as() names: got 2 as names, and 3 expressions.',
        'warning 1:32 [5] Cannot call function "abs" with args (5: int), available signatures are [(float)]. | abs(x) takes floats: write the number with a dot. => 5.0',
        'warning 1:70 ["x"] Cannot call function "hour" with args ("x": any type), available signatures are [(time)] | hour(t) takes time here.',
        '1:89 [1] mismatched type to binary operator. got int + float. see bool(), int(), float(), string(), duration() | Integers and floats do not mix in arithmetic: write the number with a dot. => 1.0',
      ],
    ],
  ])('%j', (script, expected) => {
    expect(problems(script)).toEqual(expected)
  })
})
describe('evaluation', () => {
  it.each<[string, string[]]>([
    [
      'stream|from()|windw()',
      [
        '1:15 [windw] line 1 char 15: no method or property "windw" on *pipeline.FromNode | Did you mean window? => window',
      ],
    ],
    [
      'stream.from()',
      [
        "1:8 [from] line 1 char 8: no property method \"from\" on *pipeline.StreamNode, but chaining method does exist. Use '|' operator instead: 'node|from(..)'. | Write |from(…).",
      ],
    ],
    [
      "stream|from()|measurement('x')",
      [
        "1:15 [measurement] line 1 char 15: no chaining method \"measurement\" on *pipeline.FromNode, but property does exist. Use '.' operator instead: 'node.measurement(..)'. | Write .measurement(…).",
      ],
    ],
    [
      'stream|from().window()',
      [
        "1:15 [window] line 1 char 15: no property method \"window\" on *pipeline.FromNode, but chaining method does exist. Use '|' operator instead: 'node|window(..)'. | Write |window(…).",
        '1:15 [window] window node must have either a non zero period or non zero period count',
      ],
    ],
    [
      "stream|from().mesurement('cpu')",
      [
        '1:15 [mesurement] line 1 char 15: no method or property "mesurement" on *pipeline.FromNode | Did you mean measurement? => measurement',
      ],
    ],
    [
      'stream|from().measurement("cpu")',
      [
        "1:27 [\"cpu\"] line 1 char 15: cannot assign *ast.ReferenceNode to type string, did you use double quotes instead of single quotes? | Strings are written in single quotes: 'cpu'. => 'cpu'",
      ],
    ],
    [
      'stream|from().measurement(cpu)',
      [
        '1:27 [cpu] name "cpu" is undefined. Names in scope: stream,time | Vars are declared before they are used; strings are written in single quotes: \'cpu\'.',
      ],
    ],
    [
      "stream|from().measurement('a', 'b')",
      [
        '1:15 [measurement] line 1 char 15: too many arguments to set property Measurement on *pipeline.FromNode | It is called as measurement(measurement string).',
      ],
    ],
    [
      'stream|window()',
      [
        '1:8 [window] line 1 char 8: no method or property "window" on *pipeline.StreamNode | Only |from() can follow stream.',
      ],
    ],
    [
      "stream|from()|window().period('10s').every(10)",
      [
        '1:31 [\'10s\'] line 1 char 24: error calling func "period" on obj *pipeline.WindowNode: reflect.Set: value of type string is not assignable to type time.Duration | Durations are written without quotes. => 10s',
        '1:44 [10] line 1 char 38: error calling func "every" on obj *pipeline.WindowNode: reflect.Set: value of type int64 is not assignable to type time.Duration | It takes a duration, not an integer. A duration has a unit. => 10s',
      ],
    ],
    [
      'stream|from()|window().period(10.0).align(1)',
      [
        '1:31 [10.0] line 1 char 24: error calling func "period" on obj *pipeline.WindowNode: reflect.Set: value of type float64 is not assignable to type time.Duration | It takes a duration, not a float. A duration has a unit. => 10s',
        '1:43 [1] line 1 char 37: error calling func "align" on obj *pipeline.WindowNode: reflect: cannot use int64 as type time.Duration in Call | It takes a duration, not an integer. A duration has a unit. => 1s',
      ],
    ],
    [
      "stream|from()|window().period(1m)|percentile('x', 95)",
      [
        '1:51 [95] line 1 char 35: error calling func "percentile" on obj *pipeline.WindowNode: reflect: Call using int64 as type float64 | It takes a float, not an integer. => 95.0',
      ],
    ],
    [
      'stream|from()|window().period(1m)|window()',
      [
        '1:35 [window] line 1 char 35: error calling func "window" on obj *pipeline.WindowNode: cannot Window batch edge | It takes a stream: what stands before it emits batches.',
      ],
    ],
    [
      'stream|from()|alert().crit("x" > 5)',
      [
        '1:28 ["x"] name "x" is undefined. Names in scope:  | References to fields stand in lambdas only: begin the expression with lambda:, or write strings in single quotes.',
      ],
    ],
    [
      'stream|from()|alert().crit(TRUE)',
      [
        '1:28 [TRUE] line 1 char 23: error calling func "crit" on obj *pipeline.AlertNode: reflect.Set: value of type bool is not assignable to type *ast.LambdaNode | An expression over points begins with lambda:.',
      ],
    ],
    [
      'stream|from()|where(5)',
      [
        '1:21 [5] line 1 char 15: error calling func "where" on obj *pipeline.FromNode: reflect: Call using int64 as type *ast.LambdaNode | An expression over points begins with lambda:.',
      ],
    ],
    [
      'stream|from().where()',
      [
        '1:15 [where] line 1 char 15: error calling func "where" on obj *pipeline.FromNode: reflect: Call with too few input arguments | It is called as where(lambda lambda).',
      ],
    ],
    [
      'stream|from()|where(lambda: x > 5)',
      [
        '1:29 [x] name "x" is undefined. Names in scope: stream,time | Vars are declared before they are used; fields and tags are written in double quotes: "x".',
      ],
    ],
    [
      'stream|from()|where(lambda: "x" == true)',
      ['1:36 [true] name "true" is undefined. Names in scope: stream,time | It is written TRUE. => TRUE'],
    ],
    [
      'var limit = 5\nstream|from()|where(lambda: "x" > limt)',
      ['2:35 [limt] name "limt" is undefined. Names in scope: limit,stream,time | Did you mean limit? => limit'],
    ],
    [
      'var x = 1\nvar x = 2\nstream|from()',
      ['2:5 [x] attempted to redefine x, vars are immutable | Each var is declared once; choose another name.'],
    ],
    [
      'var x integer\nstream|from()',
      [
        '1:7 [integer] invalid var type "integer" | Types are int, float, bool, string, regex, duration, lambda, list, star.',
      ],
    ],
    [
      'var x = f(1)\nstream|from()|where(lambda: "y" > x)',
      [
        '2:35 [x] unsupported literal type tick.unboundFunc | It is a call that was never made: built-in functions are called inside lambdas and expressions.',
      ],
    ],
    [
      'var s = stream|from()\ns|where(lambda: s > 1)',
      [
        '2:17 [s] unsupported literal type *pipeline.FromNode | It is a node; fields and tags are written in double quotes.',
      ],
    ],
    [
      'var x = 1 + 2.0\nstream|from()',
      [
        '1:9 [1] mismatched type to binary operator. got int + float. see bool(), int(), float(), string(), duration() | Integers and floats do not mix in arithmetic: write the number with a dot. => 1.0',
      ],
    ],
    [
      "var x = duration('5m', 1s)\nstream|from()|window().period(x)",
      [
        '2:24 [period] line 2 char 24: error calling func "period" on obj *pipeline.WindowNode: reflect.Set: value of type tick.unboundFunc is not assignable to type time.Duration | It takes a duration, not a call that was never made.',
      ],
    ],
    [
      "stream|from()|window().period(duration('5m', 1s))",
      [
        '1:31 [duration] line 1 char 31: no global function "duration" defined | Outside lambdas, duration() is called as part of an expression only, such as duration(…) + 0.',
      ],
    ],
    ['strem|from()', ['1:1 [strem] invalid task type: invalid | Did you mean stream? => stream']],
    [
      'var x = 5',
      ['1:1 [var] invalid task type: invalid | Some chain or var begins with stream or batch: stream|from()…'],
    ],
    [
      "stream|from()\nbatch|query('x')",
      ['2:1 [batch] invalid task type: invalid | A script is either a stream or a batch task.'],
    ],
    ['var x = stream', ['1:5 [x] task does nothing | The source needs something behind it: stream|from()…']],
    ["var s = -'a'\nstream|from()", ["1:9 [-] line 1 char 9: invalid arugument to '-' a"]],
    [
      'stream|from()|eval(lambda: 1.0)',
      ['1:15 [eval] must specify same number of expressions and .as() names: got 0 as names, and 1 expressions.'],
    ],
    ['stream|from().groupBy(1)', ['1:8 [from] invalid dimension object of type int64']],
    ["stream|from()|httpPost('a', 'b')", ['1:15 [httpPost] httpPost expects 0 or 1 arguments, got 2']],
    [
      "stream|from()|alert().slak().channel('#a').crit(lambda: TRUE)",
      [
        '1:23 [slak] line 1 char 23: no method or property "slak" on *pipeline.AlertNode | Did you mean slack? => slack',
      ],
    ],
    [
      "stream|from()|alert().log('/tmp/x').mode(5).crit(lambda: TRUE)",
      ['1:15 [alert] failed to create log alert handler: mode must be user writable'],
    ],
    [
      'stream|from()|alert().stateChangesOnly().crit(lambda: TRUE).slak()',
      [
        '1:61 [slak] line 1 char 61: no method or property "slak" on *pipeline.AlertNodeData | Did you mean slack? => slack',
      ],
    ],
    [
      'stream|from()|alert().stateChangesOnly().slack().slak()',
      [
        '1:50 [slak] line 1 char 50: no method or property "slak" on *pipeline.SlackHandler | Did you mean slack? => slack',
      ],
    ],
    [
      'stream|from()|alert().flapping(0.2, 0.5)|x()',
      ['1:42 [x] line 1 char 42: no method or property "x" on *pipeline.AlertNodeData'],
    ],
    [
      'stream|from()@udf()',
      [
        '1:15 [udf] line 1 char 15: no method or property "udf" on *pipeline.FromNode | Functions of the user are not configured here.',
      ],
    ],
    [
      'var n = 5\nn|from()\nstream|from()',
      ['2:3 [from] line 2 char 3: cannot get properties of non pointer value | What stands before it is no node.'],
    ],
  ])('%j', (script, expected) => {
    expect(problems(script)).toEqual(expected)
  })
})
describe('enabling', () => {
  it.each<[string, string[]]>([
    [
      "stream|from()|window().every(1m)|count('x')",
      ['1:15 [window] window node must have either a non zero period or non zero period count'],
    ],
    [
      "stream|from()|where(lambda: 'usage' > 5)",
      [
        '1:29 [\'usage\'] Failed to compile expression in where clause: mismatched type to binary operator. got string > int. see bool(), int(), float(), string(), duration() | Single quotes make a string; a field or tag is written "usage". => "usage"',
      ],
    ],
    [
      'stream|from()|where(lambda: "x" > 1 AND 5.0 % 2.0 == 1.0)',
      [
        '1:41 [5.0 % 2.0] Failed to compile expression in where clause: Failed to handle right node: Failed to handle left node: invalid math operator % for type float | The remainder of floats is mod(x, y).',
      ],
    ],
    [
      "stream|from()|eval(lambda: 1.0 * 2, lambda: 'a' AND TRUE).as('a', 'b')",
      [
        '1:34 [2] Failed to compile 0 expression: mismatched type to binary operator. got float * int. see bool(), int(), float(), string(), duration() | Integers and floats do not mix in arithmetic: write the number with a dot. => 2.0',
        '1:45 [\'a\'] Failed to compile 1 expression: invalid logical operator AND for type string | Single quotes make a string; a field or tag is written "a". => "a"',
      ],
    ],
    [
      "stream|from()|alert().warn(lambda: 1 == 'a').crit(lambda: TRUE + 1 == 2)",
      [
        '1:41 [\'a\'] Failed to compile stateful expression for warn: mismatched type to binary operator. got int == string. see bool(), int(), float(), string(), duration() | Single quotes make a string; a field or tag is written "a". => "a"',
        '1:59 [TRUE + 1] Failed to compile stateful expression for crit: Failed to handle left node: invalid math operator + for type boolean',
      ],
    ],
    [
      "var l = lambda: 1 > 's'\nstream|from()|where(l)|where(lambda: l OR TRUE)",
      [
        '1:21 [\'s\'] Failed to compile expression in where clause: mismatched type to binary operator. got int > string. see bool(), int(), float(), string(), duration() | Single quotes make a string; a field or tag is written "s". => "s"',
      ],
    ],
    [
      'stream|from().where(lambda: * > 1)',
      ['1:29 [*] parser: unexpected * line 1 char 29 in "e(lambda: * > 1)". expected: an operand'],
    ],
    [
      'var a = stream|from()|window().period(1m).every(1m)\nvar b = stream|from()\na|union(b)',
      [
        '3:3 [union] cannot add child mismatched edges: from3:stream -> union5:batch | Its inputs are all streams or all batches.',
      ],
    ],
  ])('%j', (script, expected) => {
    expect(problems(script)).toEqual(expected)
  })
})
describe('run time', () => {
  it.each<[string, string[]]>([
    [
      'stream|from()|where(lambda: "host" == "serverA")',
      [
        'warning 1:39 ["serverA"] "host" == "serverA" compares two fields or tags | Double quotes name fields and tags; the string is written \'serverA\'. => \'serverA\'',
      ],
    ],
    [
      'stream|from()|where(lambda: flaot("x") > 1.0)',
      ['warning 1:29 [flaot] undefined function: "flaot" | Did you mean float? => float'],
    ],
    [
      'stream|from()|where(lambda: abs(5) > 1.0)',
      [
        'warning 1:33 [5] Cannot call function "abs" with args (5: int), available signatures are [(float)]. | abs(x) takes floats: write the number with a dot. => 5.0',
      ],
    ],
    [
      'stream|from()|where(lambda: float("x") * 100 > 1.0)',
      [
        'warning 1:42 [100] mismatched type to binary operator. got float * int. see bool(), int(), float(), string(), duration() | Integers and floats do not mix in arithmetic: write the number with a dot. => 100.0',
      ],
    ],
    [
      'stream|from()|where(lambda: float("x") / int("y") > 1.0)',
      [
        'warning 1:29 [float("x") / int("y")] mismatched type to binary operator. got float / int. see bool(), int(), float(), string(), duration() | Convert one side with float() or int().',
      ],
    ],
    [
      'stream|from()|where(lambda: "x" + 1)',
      [
        'warning 1:29 ["x" + 1] expression returned unexpected type int64 | A condition is a comparison, or comparisons joined with AND and OR.',
      ],
    ],
    [
      'stream|from()|where(lambda: 5)',
      [
        'warning 1:29 [5] TypeGuard: expression returned unexpected type int, expected boolean | A condition is a comparison, or comparisons joined with AND and OR.',
      ],
    ],
    [
      'stream|from()|where(lambda: "host" =~ \'web.*\')',
      [
        "warning 1:39 ['web.*'] =~ is never possible between any type and string | A regex stands between slashes: /web.*/. => /web.*/",
      ],
    ],
    [
      'stream|from()|where(lambda: strContains("a"))',
      [
        'warning 1:29 [strContains] Cannot call function "strContains" with args ("a": any type), available signatures are [(string,string)] | It is called as strContains(s, sub).',
      ],
    ],
    [
      "stream|from()|where(lambda: hour('time') > 1)",
      [
        'warning 1:34 [\'time\'] Cannot call function "hour" with args (time: string), available signatures are [(time)]. | Single quotes make a string; a field or tag is written "time". => "time"',
      ],
    ],
    [
      'stream|from()|where(lambda: "time" > 1)',
      [
        'warning 1:29 ["time" > 1] invalid comparison operator > for type time | Times have no operators: use unixNano("time"), hour("time") and the like.',
      ],
    ],
    [
      'stream|from()|where(lambda: !strLength("a"))',
      [
        'warning 1:29 [!strLength("a")] TypeGuard: expression returned unexpected type int, expected boolean | ! negates a condition.',
      ],
    ],
    ['stream|from()|where(lambda: "n" / 0 > 1)', ['warning 1:29 ["n" / 0] runtime error: integer divide by zero']],
    [
      'stream|from()|eval(lambda: "time").as(\'t\')',
      [
        'warning 1:28 ["time"] expression returned unexpected type time | A field holds an integer, a float, a string, a boolean or a duration.',
      ],
    ],
    [
      "stream|from()|eval(lambda: if(\"a\" > 1, 'x', 5)).as('t')",
      [
        'warning 1:40 [\'x\'] Cannot call function "if" with args ("a" > 1: boolean,x: string,5: int), available signatures are [(boolean,float,float), (boolean,int,int), (boolean,string,string), (boolean,boolean,boolean), (boolean,regex,regex), (boolean,time,time), (boolean,duration,duration)]. | Single quotes make a string; a field or tag is written "x". => "x"',
      ],
    ],
    [
      'stream|from()|where(lambda: isPresent("time"))',
      [
        'warning 1:39 ["time"] Cannot call function "isPresent" with args ("time": time), available signatures are [(missing), (boolean), (string), (int), (float)]. | isPresent(x) takes missing here.',
      ],
    ],
    [
      'stream|from() var x = 1h30m var y = 10 s var z = 1e5 var u = 10ns',
      [
        'warning 1:25 [30m] a value alone has no effect | A duration has one number and one unit: 90m, not 1h30m.',
        'warning 1:40 [s] a value alone has no effect | A duration is written without a blank.',
        'warning 1:51 [e5] a value alone has no effect | Numbers have no exponent: write all digits.',
        'warning 1:64 [ns] a value alone has no effect | Units of durations are u, ms, s, m, h, d and w.',
      ],
    ],
    ['stream|from() limit', ['warning 1:15 [limit] a value alone has no effect']],
  ])('%j', (script, expected) => {
    expect(problems(script)).toEqual(expected)
  })
})
describe('templates and vars', () => {
  it.each<[string, string[]]>([
    ["var n int\nvar l lambda\nvar w = n * 2\nstream|from()|window().period(1m * n)|httpOut('o')", []],
  ])('%j', (script, expected) => {
    expect(problems(script)).toEqual(expected)
  })
})

describe('templates of alerts', () => {
  const alert = (property: string) => `var warn = 2.5\nvar l = lambda: TRUE\nstream|from()|alert().crit(l)${property}`

  it.each<[string, string[]]>([
    ['.message(\'{{ .Vars.warn }} {{ index .Vars "warn" }} {{ $.Vars.warn }}\')', []],
    [".message('{{ with .Fields }}{{ .Vars.x }}{{ end }}{{ range .Tags }}{{ .Vars.y }}{{ end }}')", []],
    [
      ".message('{{ .Vars.warm }}')",
      [
        '3:15 [alert] template: message:1:8: the task has no var "warm" that a template can show | Templates can show warn.',
      ],
    ],
    [
      '.id(\'{{ if true }}{{ print (index .Vars "l") }}{{ end }}\')',
      ['3:15 [alert] template: id:1:35: the task has no var "l" that a template can show | Templates can show warn.'],
    ],
    [
      ".details('{{ range .Tags }}{{ $.Vars.x | html }}{{ end }}')",
      [
        '3:15 [alert] template: details:1:21: the task has no var "x" that a template can show | Templates can show warn.',
      ],
    ],
    [
      '.details(\'<a href="{{ .ID }}"\')',
      [
        `warning 3:39 ['<a href="{{ .ID }}"'] the first event stops the task: html/template:details: ends in a non-text context: {stateTag delimNone urlPartNone jsCtxRegexp attrNone elementNone <nil>} | Close tags, quotes and comments, on each branch: a value is escaped for the place where it stands.`,
      ],
    ],
    [".details('<b>{{ .ID }}</b>')", []],
  ])('%s', (property, expected) => {
    expect(problems(alert(property))).toEqual(expected)
  })
})

describe('vars', () => {
  const script = "var n int\nvar l lambda\nstream|from()|where(l)|window().period(1m * n).every(1m)|httpOut('o')"

  it('of a type only have no value in a template', () => {
    expect(problems(script)).toEqual([])
  })

  it('are given', () => {
    const vars = { n: { type: 'int', value: 2 }, l: { type: 'lambda', value: '"x" > 1' } }
    expect(problems(script, vars)).toEqual([])
  })

  it('may be missing, of the wrong type, or no value', () => {
    const vars = { l: { type: 'lambda', value: '"x" >' }, n: { type: 'float', value: 2 } }
    expect(problems(script, vars)).toEqual([
      '1:5 [n] invalid type supplied for n, got float exp int | The type of the value given differs from the type here.',
      '2:5 [l] invalid var l: invalid lambda expression: parser: unexpected EOF line 1 char 6 in ""x" >". expected: an operand | The value was given with the task, not by the script.',
    ])
  })

  it('with a zero period are no error of the template, but of the task', () => {
    const period = "var p duration\nstream|from()|window().period(p).every(1m)|httpOut('o')"
    expect(problems(period)).toEqual([])
    expect(problems(period, { p: { type: 'duration', value: 0 } })).toEqual([
      '2:15 [window] window node must have either a non zero period or non zero period count',
    ])
  })
})

describe('the parser’s own text comes first', () => {
  it.each([
    'var TRUE = 1',
    'stream|from().where(lambda: "v" =~ /abc)|httpOut(\'o\')',
    'dbrp a',
    'dbrp "a".b',
    'var x 5',
    "var l = ['a',, 'b']",
    'x.5 .',
    'lambda : x',
    "['a'] + 'b'",
    'lambda: f(lambda: x)',
    '"a" // note\n > 1',
    'lambda: "a" AND /x/',
    'lambda: *',
    'x\u0001',
    "'x\\\\'",
    "\"unterminated\nvar x = 'y'",
    'var x = /(?P<n/',
    'var x = 99999999999999999999w',
    `x ${'-'.repeat(300)}5`,
    `stream|from()|where(lambda: ${'"a" + '.repeat(1000)}1)`,
  ])('%j', (script) => {
    let text = ''
    try {
      parse(script)
    } catch (err) {
      text = errorText(err)
    }
    expect(text).toMatch(/^parser: /)
    const errors = checkScript(script).filter((d) => d.severity === 'error' && d.message.startsWith('parser: '))
    expect(errors[0]?.message).toBe(text)
  })
})
