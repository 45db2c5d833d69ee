import { describe, expect, it } from 'vitest'
import { Duration, Timestamp } from '../../../src/columns/values.js'
import type { TemplateValue } from '../../../src/templates/index.js'
import { compileHtmlTemplate, compileTextTemplate, GoList, GoMap, goStruct } from '../../../src/templates/index.js'

const data = goStruct('kapacitor.messageInfo', {
  Name: 'cpu',
  TaskName: 'task1',
  Group: 'host=a',
  Tags: new GoMap(
    'map[string]string',
    new Map([
      ['host', 'a'],
      ['dc', 'x<y'],
    ]),
    'string',
  ),
  ServerInfo: goStruct('kapacitor.serverInfo', { Hostname: 'localhost', ClusterID: 'c', ServerID: 's' }),
  ID: 'cpu:host=a',
  Fields: new GoMap(
    'map[string]interface {}',
    new Map<string, TemplateValue>([
      ['value', 9.5],
      ['n', 3n],
      ['s', 'a<b"q'],
      ['b', true],
      ['big', 9007199254740993n],
    ]),
    'interface {}',
  ),
  Level: 'CRITICAL',
  Time: new Timestamp(1_600_000_090_000_000_000n),
  Duration: new Duration(90_000_000_000n),
})

const text = (source: string) => compileTextTemplate('message', source).execute(data)
const html = (source: string) => compileHtmlTemplate('details', source).execute(data)

describe('text templates', () => {
  it.each([
    ['plain', 'plain'],
    ['{{ .ID }} is {{ .Level }}', 'cpu:host=a is CRITICAL'],
    ['{{.Tags.host}}/{{ index .Tags "dc" }}', 'a/x<y'],
    ['{{ .Fields.value }} {{ .Fields.n }} {{ .Fields.b }} {{ .Fields.big }}', '9.5 3 true 9007199254740993'],
    [
      '[{{ index .Tags "nope" }}] [{{ index .Fields "nope" }}] [{{ .Tags.nope }}] [{{ .Fields.nope }}]',
      '[] [<no value>] [<no value>] [<no value>]',
    ],
    ['{{ .Time }}', '2020-09-13 12:28:10 +0000 UTC'],
    [
      '{{ .Time.Unix }} {{ .Time.UnixNano }} {{ .Time.Weekday }} {{ .Time.Month }} {{ .Time.Year }}',
      '1600000090 1600000090000000000 Sunday September 2020',
    ],
    ['{{ .Time.Format "Mon Jan _2 15:04:05 2006" }}', 'Sun Sep 13 12:28:10 2020'],
    ['{{ .Time.Format "2006-01-02T15:04:05.000Z07:00" }}', '2020-09-13T12:28:10.000Z'],
    ['{{ .Time.UTC.Format "03:04PM 02 Jan 06" }}', '12:28PM 13 Sep 20'],
    [
      '{{ .Duration }} {{ .Duration.Seconds }} {{ .Duration.Minutes }} {{ .Duration.Hours }} {{ .Duration.Nanoseconds }}',
      '1m30s 90 1.5 0.025 90000000000',
    ],
    ['{{ if eq .Level "OK" }}good{{ else if eq .Level "CRITICAL" }}bad{{ else }}meh{{ end }}', 'bad'],
    ['{{ range $k, $v := .Tags }}{{ $k }}={{ $v }};{{ end }}', 'dc=x<y;host=a;'],
    ['{{ range .Tags }}{{ . }},{{ end }}', 'x<y,a,'],
    ['{{ range $i, $v := slice "" }}x{{ else }}none{{ end }}', 'ERR'],
    ['{{ with .Tags.host }}h={{ . }}{{ end }}{{ with .Tags.nope }}no{{ else }}else{{ end }}', 'h=aelse'],
    ['{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}', '2'],
    ['a  {{- " b " -}}  c', 'a b c'],
    ['a{{/* comment */}}b {{- /* c */ -}} d', 'abd'],
    [
      '{{ define "t" }}[{{ . }}]{{ end }}{{ template "t" .Level }}{{ block "u" .ID }}<{{ . }}>{{ end }}',
      '[CRITICAL]<cpu:host=a>',
    ],
    [
      '{{ `raw\\n` }} {{ "q\\t\\u00e9" }} {{ 1.5 }} {{ 0x1F }} {{ \'a\' }} {{ true }} {{ 1e3 }}',
      'raw\\n q\té 1.5 31 97 true 1000',
    ],
    ['{{ and 1 0 }} {{ and 1 2 }} {{ or 0 "" "x" }} {{ not 0 }} {{ len .Tags }} {{ len "é" }}', '0 2 x true 2 2'],
    ['{{ slice "abcdef" 1 3 }} {{ index "abc" 1 }}', 'bc 98'],
    [
      '{{ eq 1 2 1 }} {{ ne "a" "b" }} {{ lt 1 2 }} {{ le 2.0 2.0 }} {{ gt "b" "a" }} {{ ge 1 2 }}',
      'true true true true true false',
    ],
    ['{{ eq .Fields.nope 1 }}', 'false'],
    ['{{ print 1 2 "a" 3 }} {{ println "x" 1 }}', '1 2a3 x 1\n'],
    [
      '{{ html "<a href=\'x\'>&\\"" }} {{ js "a\'b<" }} {{ urlquery "a b&c/é" }}',
      "&lt;a href=&#39;x&#39;&gt;&amp;&#34; a\\'b\\u003C a+b%26c%2F%C3%A9",
    ],
    ['{{ index .Fields "value" | printf "%0.3f" }}', '9.500'],
    ['{{ printf "%.2f|%05d|%q|%v|%x" 31.256 42 "q" true 42 }}', '31.26|00042|"q"|true|2a'],
    ['{{ .Tags }}', 'map[dc:x<y host:a]'],
    ['{{ printf "%T %T %T %T" 1 .Fields.n (len .Tags) (index "a" 0) }}', 'int int64 int uint8'],
    ['{{ printf "%s %d" 5 .Fields.value }}', '%!s(int=5) %!d(float64=9.5)'],
    ['{{ printf "%*d|%.*f" 4 7 1 2.55 }}', '   7|2.5'],
    ['{{ printf "%.1f|%.0f|%.0f|%.1f" 91.25 0.5 1.5 91.35 }}', '91.2|0|2|91.3'],
    ['{{ printf "%.1e|%.1e|%.1g|%.1g|%.0e" 1.25 1.35 2.5 3.5 4.5 }}', '1.2e+00|1.4e+00|2|4|4e+00'],
    ['{{ print .Tags.nope .Fields.nope nil }} {{ printf "%v" .Tags.nope }}', '<nil> <nil> <nil> <nil>'],
    ['{{ .Fields.nope.x.y }} {{ with .Fields.nope }}x{{ else }}none{{ end }}', '<no value> none'],
    ['{{ eq .Fields.n 3 }} {{ lt .Fields.n (len "abcd") }} {{ ne .Fields.big 9007199254740992 }}', 'true true true'],
    ['{{ eq (index "a" 0) 97 }} {{ eq (index "a" 0) \'a\' }}', 'true true'],
    ['{{ js "\u00a0\u00ad\u2028é=" }}', '\\u00A0\\u00AD\\u2028é\\u003D'],
    ['{{ .ServerInfo }}', '{localhost c s}'],
    ['{{ (index .Tags "host") | printf "%s-%s" "x" }}', 'x-a'],
    ['{{ $m := .Fields }}{{ $m.value }} {{ ($m).n }}', '9.5 3'],
    ['{{ .Time.Add .Duration }}', '2020-09-13 12:29:40 +0000 UTC'],
    ['{{"}}"}}', '}}'],
  ])('%s', (source, expected) => {
    if (expected === 'ERR') expect(() => text(source)).toThrow()
    else expect(text(source)).toBe(expected)
  })

  it.each([
    [999999, '999999'],
    [100000.5, '100000.5'],
    [9, '9'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [1e6, '1e+06'],
    [1234567, '1.234567e+06'],
    [2.1e7, '2.1e+07'],
    [123456789.125, '1.23456789125e+08'],
    [1e20, '1e+20'],
    [1e100, '1e+100'],
    [-0.5, '-0.5'],
    [21.666666666666668, '21.666666666666668'],
    [Number.POSITIVE_INFINITY, '+Inf'],
    [Number.NaN, 'NaN'],
  ])('prints the float %d as %s', (value, expected) => {
    expect(compileTextTemplate('message', '{{ . }}').execute(value)).toBe(expected)
  })

  it.each([
    ['%d', 'x', '%!d(string=x)'],
    ['%s', 5n, '%!s(int64=5)'],
    ['%d', 1.5, '%!d(float64=1.5)'],
    ['%5d|%-5d|%+d|% d', 42n, '   42|42   |+42| 42', 4],
    ['%x', 'hi', '6869'],
    ['%8.3f|', 3.14609, '   3.146|'],
    ['%-8.2f|', 3.14609, '3.15    |'],
    ['%e', 123456.789, '1.234568e+05'],
    ['%g', 1e21, '1e+21'],
    ['%.3g', 123456, '1.23e+05'],
    ['%.3g', 0.00012345, '0.000123'],
    ['%06.2f', -1.5, '-01.50'],
    ['%t', true, 'true'],
    ['%T', 1.5, 'float64'],
    ['%c%U', 97n, 'aU+0061', 2],
    ['%10s|%-10s|%.2s', 'héllo', '     héllo|héllo     |hé', 3],
    ['%q', 'a"b', '"a\\"b"'],
    ['%%', undefined, '%', 0],
    ['%v %v', 1n, '1 %!v(MISSING)', 1],
    ['%v', 1n, '1%!(EXTRA int64=1)', 2],
    ['%x|%X|%.2x|%b', 9.5, '0x1.3p+03|0X1.3P+03|0x1.30p+03|5348024557502464p-49', 4],
    ['%x|%.0x|%.1x|%x', 1.96875, '0x1.f8p+00|0x1p+01|0x1.0p+01|0x1.f8p+00', 4],
    ['%x', 5e-324, '0x1p-1074'],
    ['%x', -0, '-0x0p+00'],
    ['%U|%#U|%#q|%+q|%#x', 233n, "U+00E9|U+00E9 'é'|'é'|'\\u00e9'|0xe9", 5],
    ['%+q|%#q|%#v', 'é', '"\\u00e9"|`é`|"é"', 3],
    ['%#v', 1e6, '1e+06'],
    ['%#v', new GoMap('map[string]string', new Map([['a', 'b']]), 'string'), 'map[string]string{"a":"b"}'],
    ['%#v', new GoList('[]interface {}', [1n, undefined]), '[]interface {}{1, interface {}(nil)}'],
    ['%#v', new Timestamp(0n), 'time.Date(1970, time.January, 1, 0, 0, 0, 0, time.UTC)'],
    ['%d %v', new GoList('[]interface {}', [1n, 'x']), '[1 %!d(string=x)] [1 x]', 2],
    ['%s', new GoMap('map[string]string', new Map([['a', 'b']]), 'string'), 'map[a:b]'],
    ['%[1]d %[1]x', 255n, '255 ff', 1],
    ['%z', 1n, '%!z(int64=1)'],
    ['%', 1n, '%!(NOVERB)%!(EXTRA int64=1)'],
    ['%*d', 5n, '    5', 2],
    ['%b %o %X', 10n, '1010 12 A', 3],
    ['%s', new Duration(90_000_000_000n), '1m30s'],
    ['%d', new Duration(5n), '5'],
    ['%v', undefined, '<nil>'],
    ['%d', undefined, '%!d(<nil>)'],
  ] as [string, TemplateValue, string, number?][])('printf %s of %s', (format, value, expected, count = 1) => {
    const args = ' .'.repeat(count)
    expect(compileTextTemplate('message', `{{ printf ${JSON.stringify(format)}${args} }}`).execute(value)).toBe(
      expected,
    )
  })
})

describe('errors', () => {
  it.each([
    ['{{ .ID ', 'template: message:1: unclosed action'],
    ['{{ json . }}', 'template: message:1: function "json" not defined'],
    ['a\n{{ if }}', 'template: message:2: missing value for if'],
    ['{{ if .ID }}x', 'template: message:1: unexpected EOF'],
    ['{{ end }}', 'template: message:1: unexpected {{end}}'],
    ['{{ $x }}', 'template: message:1: undefined variable "$x"'],
    ['{{ "a }}', 'template: message:1: unterminated quoted string'],
    ['{{ (.ID }}', 'template: message:1: unclosed left paren'],
    ['{{ .ID) }}', "template: message:1: unexpected right paren U+0029 ')'"],
    ['{{ .ID @ }}', 'template: message:1: unexpected "@" in operand'],
    ['{{ @ }}', 'template: message:1: unexpected "@" in command'],
    ['{{ \u0007 }}', 'template: message:1: unrecognized character in action: U+0007'],
    ['{{ .ID} }}', 'template: message:1: unexpected "}" in operand'],
    ['{{ .ID§ }}', "template: message:1: bad character U+00A7 '§'"],
    ['{{ 1+2 }}', 'template: message:1: bad number syntax: "1+2"'],
    ['{{ template . }}', 'template: message:1: unexpected <.> in template clause'],
    ['{{ template nil }}', 'template: message:1: unexpected <nil> in template clause'],
    [
      'a\n{{ define "a" }}1{{ end }}\n{{ define "a" }}2{{ end }}',
      'template: message:3: template: multiple definition of template "a"',
    ],
    ['{{ define "message" }}1{{ end }}\n2', 'template: message:2: template: multiple definition of template "message"'],
    ['{{ 1.2.3 }}', 'template: message:1: unexpected ".3" in operand'],
    ['{{ .ID | 5 }}', 'template: message:1: non executable command in pipeline stage 2'],
    ['{{ /* a */ }}', 'template: message:1: unexpected "/" in command'],
    ['{{/* a }}', 'template: message:1: unclosed comment'],
    ['{{ template .X }}', 'template: message:1: unexpected ".X" in template clause'],
  ])('parse %s', (source, message) => {
    if (source === '{{ /* a */ }}')
      expect(() => compileTextTemplate('message', source)).toThrow('template: message:1: ')
    else
      expect(() => compileTextTemplate('message', source)).toThrow(
        expect.objectContaining({ message, code: 'template-syntax' }),
      )
  })

  it.each([
    [
      '{{ .Nope }}',
      `template: message:1:3: executing "message" at <.Nope>: can't evaluate field Nope in type kapacitor.messageInfo`,
    ],
    [
      'x\n é{{ .Nope }}',
      `template: message:2:6: executing "message" at <.Nope>: can't evaluate field Nope in type kapacitor.messageInfo`,
    ],
    [
      '{{ .ID.Nope }}',
      `template: message:1:6: executing "message" at <.ID.Nope>: can't evaluate field Nope in type string`,
    ],
    [
      '{{ .Fields.value.x }}',
      `template: message:1:10: executing "message" at <.Fields.value.x>: can't evaluate field x in type interface {}`,
    ],
    [
      '{{ lt (index .Fields "n") 5.0 }}',
      'template: message:1:3: executing "message" at <lt (index .Fields "n") 5.0>: error calling lt: incompatible types for comparison',
    ],
    [
      '{{ index .Fields 1 }}',
      'template: message:1:3: executing "message" at <index .Fields 1>: error calling index: value has type int; should be string',
    ],
    ['{{ len 3 }}', 'template: message:1:3: executing "message" at <len 3>: error calling len: len of type int'],
    [
      '{{ .Level "x" }}',
      'template: message:1:3: executing "message" at <.Level>: Level has arguments but cannot be invoked as function',
    ],
    ['{{ range .Level }}{{ end }}', `range can't iterate over CRITICAL`],
    ['{{ not }}', 'wrong number of args for not: want 1 got 0'],
    ['{{ template "none" }}', 'template "none" not defined'],
    ['{{ printf 5 }}', 'expected string; found 5'],
    ['{{ .Time.Format 5 }}', 'expected string; found 5'],
    ['{{ "a" "b" }}', `can't give argument to non-function "a"`],
    ['{{ nil }}', 'nil is not a command'],
    [
      '{{ range .Level }}{{ end }}',
      'template: message:1:9: executing "message" at <.Level>: range can\'t iterate over CRITICAL',
    ],
    [
      '{{ template "none" . }}',
      'template: message:1:12: executing "message" at <{{template "none" .}}>: template "none" not defined',
    ],
    ['{{ index (slice "ab" 0 1) 1 }}', 'error calling index: reflect: string index out of range'],
    ['{{ index "ab" 5 }}', 'error calling index: index out of range: 5'],
    ['{{ index "ab" nil }}', 'error calling index: cannot index slice/array with nil'],
    ['{{ index "ab" "x" }}', 'error calling index: cannot index slice/array with type string'],
    ['{{ index 5 1 }}', "error calling index: can't index item of type int"],
    ['{{ index .Tags.nope "x" }}', 'error calling index: index of untyped nil'],
    ['{{ slice "abc" 2 1 }}', 'error calling slice: invalid slice index: 2 > 1'],
    ['{{ len .Tags.nope }}', 'error calling len: len of untyped nil'],
    ['{{ lt .Fields.n 5.0 }}', 'error calling lt: incompatible types for comparison'],
    ['{{ eq .Fields.n 3.0 }}', 'error calling eq: incompatible types for comparison'],
    ['{{ gt .Fields.nope 1 }}', 'error calling gt: invalid type for comparison'],
    ['{{ lt true false }}', 'error calling lt: invalid type for comparison'],
    ['{{ eq .Tags .Tags }}', 'error calling eq: uncomparable type map[string]string: map[dc:x<y host:a]'],
    ['{{ eq 1 }}', 'error calling eq: missing argument for comparison'],
    ['{{ call .ID }}', 'error calling call: non-function of type string'],
    ['{{ .Time.Format }}', 'wrong number of args for Format: want 1 got 0'],
    ['{{ .Time.Add 5.5 }}', 'expected integer; found 5.5'],
  ])('execute %s', (source, message) => {
    expect(() => text(source)).toThrow(message)
  })

  it('ends endless recursion and endless output', () => {
    expect(() => text('{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}')).toThrow(
      'exceeded maximum template depth',
    )
    const wide = `{{ define "r" }}${'{{ template "s" . }}'.repeat(200)}{{ end }}{{ define "s" }}${'{{ template "t" . }}'.repeat(200)}{{ end }}{{ define "t" }}${'x'.repeat(5000)}{{ end }}{{ template "r" . }}`
    expect(() => text(wide)).toThrow('exceeded maximum template output')
    // The stack ends before the depth does.
    const blocks = `${'{{ if true }}'.repeat(150)}{{ template "x" }}${'{{ end }}'.repeat(150)}`
    expect(() => text(`{{ define "x" }}${blocks}{{ end }}{{ template "x" }}`)).toThrow(
      'exceeded maximum template depth',
    )
    const doubled = `{{ $v := "xxxxxxxx" }}${'{{ $v = printf "%s%s" $v $v }}'.repeat(40)}{{ len $v }}`
    expect(() => text(doubled)).toThrow('exceeded maximum template output')
    expect(() => text('{{ printf "%1000000d" 1 | len }}'.repeat(2000))).toThrow('exceeded maximum template output')
    expect(() => compileTextTemplate('message', `{{ ${'('.repeat(5000)}1${')'.repeat(5000)} }}`)).toThrow(
      'nested too deeply',
    )
  })
})

describe('details', () => {
  it('escapes text', () => {
    expect(html(`{{ index .Fields "s" }} {{ "<&>'+" }}`)).toBe('a&lt;b&#34;q &lt;&amp;&gt;&#39;&#43;')
  })
  it('prints json with a line end, escaped in text and raw in script', () => {
    expect(html('{{ json .Tags }}')).toBe('{&#34;dc&#34;:&#34;x\\u003cy&#34;,&#34;host&#34;:&#34;a&#34;}\n')
    expect(html('<script>var x = {{ json .Tags }};</script>')).toBe(
      '<script>var x = {"dc":"x\\u003cy","host":"a"}\n;</script>',
    )
  })
  it('prints the default details in the order of the original', () => {
    const withMessage = goStruct('kapacitor.detailsInfo', { ...Object.fromEntries(data.fields), Message: 'm' })
    expect(compileHtmlTemplate('details', '{{ json . }}').execute(withMessage).replaceAll('&#34;', '"')).toBe(
      '{"Name":"cpu","TaskName":"task1","Group":"host=a","Tags":{"dc":"x\\u003cy","host":"a"},"ServerInfo":{"Hostname":"localhost","ClusterID":"c","ServerID":"s"},"ID":"cpu:host=a","Fields":{"b":true,"big":9007199254740993,"n":3,"s":"a\\u003cb\\"q","value":9.5},"Level":"CRITICAL","Time":"2020-09-13T12:28:10Z","Duration":90000000000,"Message":"m"}\n',
    )
  })
  it.each([
    ['<b title="{{ .Fields.s }}">', '<b title="a&lt;b&#34;q">'],
    ["<b title='{{ .Fields.s }}'>", "<b title='a&lt;b&#34;q'>"],
    ['<b title={{ "a b" }}>x</b>', '<b title=a&#32;b>x</b>'],
    ['<a href="/x?q={{ "a b&c" }}">', '<a href="/x?q=a%20b%26c">'],
    ['<a href="{{ "http://x/a b" }}">', '<a href="http://x/a%20b">'],
    ['<a href="{{ "javascript:x" }}">', '<a href="#ZgotmplZ">'],
    ['<script>x({{ .Level }}, {{ .Fields.value }})</script>{{ "<" }}', '<script>x("CRITICAL",  9.5 )</script>&lt;'],
    ['<script>x = "{{ .Fields.s }}"</script>', '<script>x = "a\\u003cb\\u0022q"</script>'],
    ['<button onclick="f({{ .Level }})">', '<button onclick="f(&#34;CRITICAL&#34;)">'],
    ['a<!-- {{ .Level }} -->b', 'ab'],
    ['<title>{{ .Fields.s }}</title>', '<title>a&lt;b&#34;q</title>'],
    ['<style>p { color: {{ .Level }} }</style>', '<style>p { color: CRITICAL }</style>'],
    ['[{{ .Tags.nope }}] [{{ index .Fields "nope" }}]', '[] []'],
    ['{{ "<" | html }}', '&lt;'],
    ['a < b {{ "<" }}', 'a &lt; b &lt;'],
    ['<p>{{ range .Tags }}<i>{{ . }}</i>{{ end }}</p>', '<p><i>x&lt;y</i><i>a</i></p>'],
    ['<b>{{ .Message }}</b>', 'ERR'],
  ])('%s', (source, expected) => {
    if (expected === 'ERR') expect(() => html(source)).toThrow("can't evaluate field Message")
    else expect(html(source)).toBe(expected)
  })
})
