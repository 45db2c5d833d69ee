/** What values become where they land, and which templates cannot be escaped. */
import { describe, expect, it } from 'vitest'
import { Duration, Timestamp } from '../../../../src/columns/values.js'
import { compileHtmlTemplate, GoList, GoMap, goStruct } from '../../../../src/templates/index.js'

const list = (...items: string[]) => new GoList('[]string', items)

const data = goStruct('T', {
  T: true,
  F: false,
  S: '<Hi & "there\'s">',
  W: 'word',
  N: 42n,
  Neg: -3n,
  V: 6.25,
  NaN: Number.NaN,
  U: undefined,
  A: list('<a>', '<b>'),
  E: list(),
  M: new GoMap('map[string]interface {}', new Map<string, string | bigint>([['<k>', 1n]]), 'interface {}'),
  D: new Duration(90_000_000_000n),
  At: new Timestamp(1_600_000_000_000_000_000n),
  Html: '&iexcl;<b class="x">Hello</b>, <textarea>O\'World</textarea>!',
  Tpl: '`${x$1{',
})

const html = (source: string) => compileHtmlTemplate('details', source).execute(data)

describe('values', () => {
  it.each([
    // Text
    ['{{ .S }}', '&lt;Hi &amp; &#34;there&#39;s&#34;&gt;'],
    ['{{ .N }} {{ .V }} {{ .T }} {{ "1+1" }}', '42 6.25 true 1&#43;1'],
    ['[{{ .U }}] {{ .A }} {{ .M }}', '[] [&lt;a&gt; &lt;b&gt;] map[&lt;k&gt;:1]'],
    ['{{ .D }} {{ .At }}', '1m30s 2020-09-13 12:26:40 &#43;0000 UTC'],
    ['{{ "\\x00" }}', '\ufffd'],
    [
      '{{ range .A }}<i>{{ . }}</i>{{ end }}{{ range .E }}x{{ else }}{{ .W }}{{ end }}',
      '<i>&lt;a&gt;</i><i>&lt;b&gt;</i>word',
    ],
    ['{{ with .W }}{{ $x := . }}{{ $x }}{{ end }}{{ if $y := .N }}{{ $y }}{{ end }}', 'word42'],
    ['<title>{{ .S }}</title><textarea>{{ .S }}', 'ERR'],
    ['<title>{{ .S }}</title>', '<title>&lt;Hi &amp; &#34;there&#39;s&#34;&gt;</title>'],
    ['10$<{{ "script src=x" }}', '10$&lt;script src=x'],
    ['<{{ "!--" }}', '&lt;!--'],
    ['<textarea><{{ "/textarea " }}</textarea>', '<textarea>&lt;/textarea </textarea>'],
    ['<!{{ "DOCTYPE" }}>', '&lt;!DOCTYPE>'],
    ['<p><!-- {{ .S }} --></p>', '<p></p>'],
    ['<!-- x {{ if .T }}y -->{{ .W }}{{ else }}-->{{ .N }}{{ end }}.', 'word.'],
    // Attributes
    [
      '<a title="{{ .S }}" b=\'{{ .S }}\'>',
      '<a title="&lt;Hi &amp; &#34;there&#39;s&#34;&gt;" b=\'&lt;Hi &amp; &#34;there&#39;s&#34;&gt;\'>',
    ],
    ['<a title={{ .S }}>', '<a title=&lt;Hi&#32;&amp;&#32;&#34;there&#39;s&#34;&gt;>'],
    ['<a title={{ "=`\\t\\n\\x00\\uffff" }}>', '<a title=&#61;&#96;&#9;&#10;&#xfffd;&#xffff;>'],
    ['<a title=x{{ .W }} b=1>', '<a title=xword b=1>'],
    ["<a title='{{ .U }}' b={{ .W }}>", "<a title='' b=word>"],
    ['<iframe srcdoc="{{ "<b>" }}">', '<iframe srcdoc="&lt;b&gt;">'],
    ['<input {{ "checked" }}>', '<input checked>'],
    ['<input{{ if .T }} checked{{ end }} name=n>', '<input checked name=n>'],
    ['<input {{ if .T }}{{ "checked" }} {{ end }}name=n>', '<input checked name=n>'],
    ['<input data-{{ "x" }}="{{ .S }}">', '<input data-x="&lt;Hi &amp; &#34;there&#39;s&#34;&gt;">'],
    ['<input {{ "onclick" }}="{{ "f()" }}">', '<input ZgotmplZ="f()">'],
    ['<input {{ "sTyle" }}="x" {{ "src" }}="x" {{ "Value" }}=x>', '<input ZgotmplZ="x" ZgotmplZ="x" ZgotmplZ=x>'],
    ['<input checked {{ "" }}="x" {{ "a b" }}=x>', '<input checked ZgotmplZ="x" ZgotmplZ=x>'],
    ['<h{{ 3 }}>x</h{{ 3 }}><t{{ "HEAD" }}>', '<h3>x</h3><thead>'],
    ['<img on{{ "load" }}="f({{ .W }})">', '<img onload="f(&#34;word&#34;)">'],
    [
      '<p class="{{ "a" }}"{{ if .T }} id="{{ "<i>" }}"{{ end }} src={{ if .T }}"?{{ "<p>" }}"{{ else }}"x.gif"{{ end }}{{ if .T }}title="{{ "<t>" }}"{{ end }}>',
      '<p class="a" id="&lt;i&gt;" src="?%3cp%3e"title="&lt;t&gt;">',
    ],
    // URLs
    ['<a href="{{ "/a b?c=d&e=f#g" }}">', '<a href="/a%20b?c=d&amp;e=f#g">'],
    ["<a href='{{ \"http://h:8/it's(1)%20%zz\" }}'>", "<a href='http://h:8/it%27s%281%29%20%25zz'>"],
    ['<a href="  {{ "JavaScript:x" }}">', '<a href="  #ZgotmplZ">'],
    [
      '<a href="{{ "MailTo:a@b" }}" src="{{ "tel:1" }}" cite="{{ "/x:y" }}">',
      '<a href="MailTo:a@b" src="#ZgotmplZ" cite="/x:y">',
    ],
    ['<a href="http://{{ "javascript:80" }}/x">', '<a href="http://javascript:80/x">'],
    ['<a href="/x?q={{ "a&b=c/é+ " }}">', '<a href="/x?q=a%26b%3dc%2f%c3%a9%2b%20">'],
    ['<a href="/x#{{ .S }}">', '<a href="/x#%3cHi%20%26%20%22there%27s%22%3e">'],
    ['<a href={{ "mailto:a b@c" }}>', '<a href=mailto:a%20b@c>'],
    ['<a href="{{ if .F }}/x?a=b{{ else }}/y{{ end }}">', '<a href="/y">'],
    ['<a href="{{ if .T }}/x?a={{ else }}/y#{{ end }}{{ "a b&" }}">', '<a href="/x?a=a%20b%26">'],
    ['<a href="/x{{ range .A }}&{{ . }}{{ end }}">', '<a href="/x&%3ca%3e&%3cb%3e">'],
    ['<a data-link-url="{{ "data:x" }}" x:href="{{ "a b" }}">', '<a data-link-url="#ZgotmplZ" x:href="a%20b">'],
    [
      '<img srcset="{{ "/a b.png 1x,javascript:x 2x,/c,http://h/d 2.5x, /e 100w" }}">',
      '<img srcset="#ZgotmplZ,#ZgotmplZ,/c,#ZgotmplZ, /e 100w">',
    ],
    ['<img srcset={{ ",," }}>', '<img srcset=,,>'],
    // Scripts
    [
      '<script>f({{ .S }}, {{ .N }}, {{ .Neg }}, {{ .V }}, {{ .T }}, {{ .U }})</script>',
      '<script>f("\\u003cHi \\u0026 \\"there\'s\\"\\u003e",  42 ,  -3 ,  6.25 ,  true ,  null )</script>',
    ],
    [
      '<script>x = {{ .A }}; y = {{ .M }}; d = {{ .D }}; t = {{ .At }}</script>',
      '<script>x = ["\\u003ca\\u003e","\\u003cb\\u003e"]; y = {"\\u003ck\\u003e":1}; d = "1m30s"; t = "2020-09-13T12:26:40Z"</script>',
    ],
    ['<script>x/{{ .NaN }}</script>', '<script>x/ /* json: unsupported value: NaN */null </script>'],
    ['<script>typeof{{ .N }}in y</script>', '<script>typeof 42 in y</script>'],
    ['<script>x = {{ json .M }};</script>', '<script>x = {"\\u003ck\\u003e":1}\n;</script>'],
    [
      '<script>x = "{{ .S }}"; y = \'{{ "a\\nb\\\\c/d+e\\x01" }}\'</script>',
      '<script>x = "\\u003cHi \\u0026 \\u0022there\\u0027s\\u0022\\u003e"; y = \'a\\nb\\\\c\\/d\\u002be\\u0001\'</script>',
    ],
    ['<script>x = "{{ json .W }}"</script>', '<script>x = "\\u0022word\\u0022\\n"</script>'],
    [
      '<script>x = /{{ "a+b.c[d]" }}/.test("{{ .W }}")</script>',
      '<script>x = /a\\u002bb\\.c\\[d\\]/.test("word")</script>',
    ],
    ['<script>x = /{{ "" }}/</script>', '<script>x = /(?:)/</script>'],
    ['<script>x = {{ .N }} / 2 / {{ .N }}</script>', '<script>x =  42  / 2 /  42 </script>'],
    ['<script>{{ if true }}var x = 1{{ end }}</script>', '<script>var x = 1</script>'],
    ['<script>/* {{ .S }} */ x // {{ .S }}\ny</script>', '<script>   x \ny</script>'],
    [
      '<script>x = {{ .Tpl }}; y = "{{ .Tpl }}"; z = /{{ .Tpl }}/</script>',
      '<script>x = "\\u0060\\u0024{x$1{"; y = "\\u0060\\u0024{x$1{"; z = /\\u0060\\$\\{x\\$1\\{/</script>',
    ],
    [
      '<script>x = `a {{ .Tpl }} b`; y = {{ json .Tpl }}</script>',
      '<script>x = `a "\\u0060\\u0024{x$1{" b`; y = "\\u0060\\u0024{x$1{"\n</script>',
    ],
    [
      '<script type="text/template"><b title="{{ .S }}">{{ .N }}</b></script>',
      '<script type="text/template"><b title="&lt;Hi &amp; &#34;there&#39;s&#34;&gt;">42</b></script>',
    ],
    [
      '<script type="application/json">{{ .M }}</script>',
      '<script type="application/json">{"\\u003ck\\u003e":1}</script>',
    ],
    [
      '<a onclick="f({{ .S }}, {{ .N }})">',
      '<a onclick="f(&#34;\\u003cHi \\u0026 \\&#34;there&#39;s\\&#34;\\u003e&#34;,  42 )">',
    ],
    [
      '<a onclick=\'f(&quot;{{ .S }}&quot;, "{{ .W }}")\'>',
      '<a onclick=\'f(&quot;\\u003cHi \\u0026 \\u0022there\\u0027s\\u0022\\u003e&quot;, "word")\'>',
    ],
    ['<a onclick={{ .S }}>', '<a onclick=&#34;\\u003cHi&#32;\\u0026&#32;\\&#34;there&#39;s\\&#34;\\u003e&#34;>'],
    ['<a onclick="/* {{ .S }} */ // {{ .S }}">', '<a onclick="/*  */ // ">'],
    // Styles
    [
      '<p style="a: {{ "#8ff" }}; b-{{ "left" }}: {{ "2.5em" }}; c: {{ 10 }}%; d: {{ "A B" }}">',
      '<p style="a: #8ff; b-left: 2.5em; c: 10%; d: A B">',
    ],
    [
      '<p style="a: {{ "expression(1)" }}; b: {{ "x\\\\65xpression" }}; c: {{ "ExPression" }}">',
      '<p style="a: ZgotmplZ; b: ZgotmplZ; c: ZgotmplZ">',
    ],
    ['<p style="{{ "-moz-binding" }}: x; {{ "a:b" }}; {{ "a--b" }}">', '<p style="ZgotmplZ: x; a:b; ZgotmplZ">'],
    ['<p style=a:{{ "x y" }}>', '<p style=a:x&#32;y>'],
    [
      '<style>{{ "p" }}{{ ".c" }}{{ "#i" }} { a: {{ "url(x)" }}; b: {{ "a<b" }} }</style>',
      '<style>p.c#i { a: ZgotmplZ; b: a<b }</style>',
    ],
    ['<p style=\'a: "{{ "Times New Roman" }}", "{{ "a:b" }}"\'>', '<p style=\'a: "Times New Roman", "#ZgotmplZ"\'>'],
    [
      '<p style="a: \'{{ "http://x/(\\"a;b{}+\\n" }}\'">',
      '<p style="a: \'http\\3a\\2f\\2fx\\2f\\28\\22 a\\3b b\\7b\\7d\\2b \\a \'">',
    ],
    ['<p style="a: \'/x?{{ "a b(" }}\'">', '<p style="a: \'/x?a%20b%28\'">'],
    [
      '<p style="a: url({{ "javascript:x" }}) url(\'{{ "/a(b)" }}\') url(&quot;/x?{{ "a&b" }}&quot;)">',
      '<p style="a: url(#ZgotmplZ) url(\'/a%28b%29\') url(&quot;/x?a%26b&quot;)">',
    ],
    ['<style>a { b: url({{ "/x?a&b" }}) }</style>', '<style>a { b: url(/x?a&b) }</style>'],
    ['<style>a /* {{ .S }} */ // {{ .S }}\nb</style>', '<style>a    \nb</style>'],
    // Escapers of the template's own
    [
      '{{ .S | html }} {{ html .S }} {{ "+" | html }}',
      '&lt;Hi &amp; &#34;there&#39;s&#34;&gt; &lt;Hi &amp; &#34;there&#39;s&#34;&gt; +',
    ],
    ['{{ html "<" 1 2 ">" }} {{ .U | html }}', '&lt;1 2&gt; &lt;no value&gt;'],
    ['<a title="{{ .S | html }}">', '<a title="&lt;Hi &amp; &#34;there&#39;s&#34;&gt;">'],
    ['<a href="/x?q={{ "a b&" | urlquery }}" src="/{{ urlquery "a/b" }}">', '<a href="/x?q=a&#43;b%26" src="/a%2Fb">'],
    [
      '<script>f({{ .A | html }}, {{ "<" | urlquery }})</script>',
      '<script>f("[\\u0026lt;a\\u0026gt; \\u0026lt;b\\u0026gt;]", "%3C")</script>',
    ],
    [
      '<a onclick="f({{ .A | html }}, {{ "<" | urlquery }})">',
      '<a onclick="f([&#34;\\u003ca\\u003e&#34;,&#34;\\u003cb\\u003e&#34;], &#34;%3C&#34;)">',
    ],
    ['{{ "a b+" | urlquery }}', 'a&#43;b%2B'],
    ['{{ .W | print | html }}{{ js "<" }}', 'word\\u003C'],
    // HTML that is safe as it is
    ['{{ safeHTML .Html }}', '&iexcl;<b class="x">Hello</b>, <textarea>O\'World</textarea>!'],
    ['<a title="{{ safeHTML .Html }}">', '<a title="&iexcl;Hello, O&#39;World!">'],
    ['<a title={{ .Html | safeHTML }}>', '<a title=&iexcl;Hello,&#32;O&#39;World!>'],
    [
      '<title>{{ safeHTML .Html }}</title>',
      '<title>&iexcl;&lt;b class=&#34;x&#34;&gt;Hello&lt;/b&gt;, &lt;textarea&gt;O&#39;World&lt;/textarea&gt;!</title>',
    ],
    [
      '<script>x = {{ safeHTML "<b>" }}; y = "{{ safeHTML "<b>" }}"</script>',
      '<script>x = "\\u003cb\\u003e"; y = "\\u003cb\\u003e"</script>',
    ],
    ['<a href="{{ safeHTML "javascript:x" }}">[{{ safeHTML .U }}]', '<a href="#ZgotmplZ">[]'],
    ['{{ safeHTML "<b>" | printf "%s!" }}', '&lt;b&gt;!'],
  ])('%s', (source, expected) => {
    if (expected === 'ERR') expect(() => html(source)).toThrow(/^html\/template:details/)
    else expect(html(source)).toBe(expected)
  })

  it.each([
    // A template per context
    [
      '{{ template "t" .S }}<a title="{{ template "t" .S }}" href="/?{{ template "t" .S }}">{{ define "t" }}[{{ . }}]{{ end }}',
      '[&lt;Hi &amp; &#34;there&#39;s&#34;&gt;]<a title="[&lt;Hi &amp; &#34;there&#39;s&#34;&gt;]" href="/?[%3cHi%20%26%20%22there%27s%22%3e]">',
    ],
    [
      '<a onclick="a = {{ template "t" }};">{{ define "t" }}{{ "<a>" }}<b{{ end }}',
      '<a onclick="a = &#34;\\u003ca\\u003e&#34;<b;">',
    ],
    [
      '<script>x={{ template "t" }}/{{ "42" }};</script>{{ define "t" }}{{ 126 }}{{ end }}',
      '<script>x= 126 /"42";</script>',
    ],
    // The context behind a call counts at the second call too.
    [
      '{{ define "t" }}<a title="{{ end }}{{ template "t" }}{{ "a b" }}">{{ template "t" }}{{ "<" }}">',
      '<a title="a b"><a title="&lt;">',
    ],
    // Recursion
    [
      '{{ define "t" }}{{ if . }}<li>{{ . }}</li>{{ template "t" false }}{{ end }}{{ end }}{{ template "t" true }}',
      '<li>true</li>',
    ],
    [
      '<script>x=[{{ template "t" true }}];</script>{{ define "t" }}{{ . }}{{ if . }},{{ template "t" false }}{{ end }}{{ end }}',
      '<script>x=[ true , false ];</script>',
    ],
    [
      '{{ block "b" .S }}{{ . }}{{ end }}<i title="{{ template "b" .W }}">',
      '&lt;Hi &amp; &#34;there&#39;s&#34;&gt;<i title="word">',
    ],
  ])('%s', (source, expected) => {
    expect(html(source)).toBe(expected)
  })

  it('names the template of a context in errors', () => {
    expect(() => html('<title>{{ template "t" . }}</title>{{ define "t" }}{{ .No }}{{ end }}')).toThrow(
      'template: details:1:54: executing "t$htmltemplate_stateRCDATA_elementTitle" at <.No>: can\'t evaluate field No in type T',
    )
  })
})

const tag = '{stateTag delimNone urlPartNone jsCtxRegexp attrNone elementNone <nil>}'
const plain = '{stateText delimNone urlPartNone jsCtxRegexp attrNone elementNone <nil>}'

describe('templates that cannot be escaped', () => {
  it.each([
    ['{{ if .T }}<a{{ end }}', `1:6: {{if}} branches end in different contexts: ${tag}, ${plain}`],
    ['\n{{ with .W }}<a>{{ else }}<a{{ end }}', `2:8: {{with}} branches end in different contexts: ${plain}, ${tag}`],
    ['{{ if .T }}<a href="x">{{ else }}<a href="x>{{ end }}', '1:6: {{if}} branches end in different contexts: '],
    ["<a {{ if .T }}href='{{ else }}title='{{ end }}{{ .W }}'>", '1:9: {{if}} branches end in different contexts: '],
    ['{{ range .A }}<a{{ end }}', '1: on range loop re-entry: "<" in attribute name: "<a"'],
    ["é\n{{ range .A }} x='<a{{ end }}", '2:9: on range loop re-entry: {{range}} branches end in different contexts: '],
    [
      "<script>[{{ range .A }}'{{ . }},{{ end }}]</script>",
      '1:18: on range loop re-entry: {{range}} branches end in different contexts: ',
    ],
    ['<div', `ends in a non-text context: ${tag}`],
    [
      '<a b=1 c={{ .W }}',
      'ends in a non-text context: {stateAttr delimSpaceOrTagEnd urlPartNone jsCtxRegexp attrNone elementNone <nil>}',
    ],
    ['<a href="x" title="{{ .W }}" ', `ends in a non-text context: ${tag}`],
    [
      '<script>f();',
      'ends in a non-text context: {stateJS delimNone urlPartNone jsCtxRegexp attrNone elementScript <nil>}',
    ],
    [
      'a <!-- b',
      'ends in a non-text context: {stateHTMLCmt delimNone urlPartNone jsCtxRegexp attrNone elementNone <nil>}',
    ],
    [
      '<a href="{{ if .F }}/x?a={{ else }}/y/{{ end }}{{ .W }}">',
      '1:50: {{.W}} appears in an ambiguous context within a URL',
    ],
    ['<a onclick="f(\'a\\{{ .W }}\')">', 'unfinished escape sequence in JS string: "a\\\\"'],
    ['<a onclick="/x[{{ .W }}]/">', 'unfinished JS regexp charset: "x["'],
    ['<p style="a: \'b\\{{ .W }}\'">', 'unfinished escape sequence in CSS string: "b\\\\"'],
    ['<script>{{ if .F }}x = 1{{ end }}/-{{ .N }}/i.test(x)</script>', `'/' could start a division or regexp: "/-"`],
    ['{{ template "no" }}', '1:12: no such template "no"'],
    ['<div{{ template "y" }}>{{ define "y" }} x<b{{ end }}', '"<" in attribute name: " x<b"'],
    ['<a "b">', `"\\"" in attribute name: " \\"b\\">"`],
    [
      '<script>[{{ template "t" . }}]</script>{{ define "t" }}{{ if .T }}{{ template "t" . }}{{ end }}{{ .W }}",{{ end }}',
      '1:55: cannot compute output context for template t$htmltemplate_stateJS_elementScript',
    ],
    ['<a b=c=>', '"=" in unquoted attr: "c="'],
    ['<a b= `c>', '"`" in unquoted attr: "`c"'],
    ["<a style=a:'b'>", `"'" in unquoted attr: "a:'b'"`],
    ['<a=b>', 'expected space, attr name, or end of tag, but got "=b>"'],
    ['{{ .W | urlquery | print }}', '1:3: predefined escaper "urlquery" disallowed in template'],
    ['{{ html .W | print }}', '1:3: predefined escaper "html" disallowed in template'],
    ['<a b={{ .W | html }}>', '1:8: predefined escaper "html" disallowed in template'],
  ])('%s', (source, message) => {
    const template = compileHtmlTemplate('details', source)
    const text = /^\d/.test(message) ? `html/template:details:${message}` : `html/template:details: ${message}`
    expect(() => template.execute(data)).toThrow(text)
    expect(template.flaw).toContain(text)
    expect(() => template.execute(data)).toThrow(expect.objectContaining({ code: 'template-execution' }))
  })

  it.each([
    '{{ if .T }}<a>{{ else }}<b>{{ end }}',
    '{{ range .A }}<a>{{ end }}{{ with .W }}<div>{{ end }}',
    "<a href='/x?{{ range .A }}&{{ . }}={{ . }}{{ end }}'>",
    '{{ range .A }}<a{{ if $.T }}{{ end }}>{{ end }}',
    '<p title={{ if .T }}{{ .W }}{{ end }}>',
    '<script>var a = `x ${a`</script>',
  ])('%s can', (source) => {
    expect(compileHtmlTemplate('details', source).flaw).toBeNull()
  })

  // Each of them takes minutes where a step looks at everything behind or before it.
  it.each([
    ['<script>', '"a"', '</script>'],
    ['<script>', ' ', 'x</script>'],
    ['<script>', 'a', ')</script>'],
    ['<script>', '"</script', '"</script>'],
    ['<script>', 'a/b/', '</script>'],
    ['<style>', 'a ( ', '</style>'],
    ['<style>"', '\\a', '"</style>'],
    ['<style>', '/**/', '</style>'],
    ['<a onclick="', 'a/b/', '">'],
    ['', '<', ''],
    ['', '<a b="c">', ''],
    ['', '<!-- -->', ''],
    ['<title>', '</titl', '</title>'],
    ['', ' ', 'x{{- .W }}'],
  ])('reads %j with a lot of %j in it', (before, part, after) => {
    const source = before + part.repeat(600_000 / part.length) + after
    expect(compileHtmlTemplate('details', source).flaw).toBeNull()
  })

  it('bounds the work', () => {
    const nest = (n: number, inner: string) => '{{ range .A }}'.repeat(n) + inner + '{{ end }}'.repeat(n)
    expect(compileHtmlTemplate('details', `<script>${nest(150, 'x')}</script>`).flaw).toBeNull()
    expect(compileHtmlTemplate('details', nest(150, '{{ . }}')).flaw).toBeNull()
    let calls = ''
    for (let i = 0; i < 3000; i++) calls += `{{ define "t${i}" }}{{ template "t${i + 1}" }}{{ end }}`
    expect(compileHtmlTemplate('details', `${calls}{{ template "t0" }}`).flaw).toContain('nested too deeply')
    let wide = '{{ define "w0" }}x{{ end }}'
    for (let i = 1; i < 40; i++) {
      wide += `{{ define "w${i}" }}{{ template "w${i - 1}" }}{{ template "w${i - 1}" }}{{ end }}`
    }
    expect(compileHtmlTemplate('details', `${wide}{{ template "w39" }}`).flaw).toBeNull()
  })
})
