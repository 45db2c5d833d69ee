/** No value gets out of the place of an HTML template where it lands: tags and attributes stay, scripts get the value itself. */
import { runInNewContext } from 'node:vm'
import { decodeHTML } from 'entities'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileHtmlTemplate, goStruct } from '../../src/templates/index.js'

const rawText = new Set(['script', 'style', 'title', 'textarea'])

/** Tags with the names of their attributes, in order, as a browser finds them. */
function structure(html: string): string[] {
  const found: string[] = []
  let at = 0
  while (at < html.length) {
    const open = html.indexOf('<', at)
    if (open < 0) break
    if (html.startsWith('<!--', open)) {
      found.push('!--')
      const end = html.indexOf('-->', open + 4)
      at = end < 0 ? html.length : end + 3
      continue
    }
    if (/^<[!?]/.test(html.slice(open, open + 2))) {
      found.push(html.slice(open, open + 2))
      at = open + 2
      continue
    }
    const name = /^<\/?[a-zA-Z][^ \t\n\f\r/>]*/.exec(html.slice(open))?.[0]
    if (name === undefined) {
      at = open + 1
      continue
    }
    at = open + name.length
    const names: string[] = []
    while (at < html.length && html[at] !== '>') {
      const m = /^[ \t\n\f\r/]*([^ \t\n\f\r/>=]+)?[ \t\n\f\r]*(?:=[ \t\n\f\r]*("[^"]*"|'[^']*'|[^ \t\n\f\r>]*))?/.exec(
        html.slice(at),
      )
      if (m === null || m[0] === '') at++
      else {
        if (m[1] !== undefined) names.push(m[1])
        at += m[0].length
      }
    }
    at++
    found.push(`${name} ${names.join(' ')}`)
    const element = name.slice(1).toLowerCase()
    if (!rawText.has(element)) continue
    const close = html.slice(at).search(new RegExp(`</${element}[ \\t\\n\\f\\r/>]`, 'i'))
    at = close < 0 ? html.length : at + close
  }
  return found
}

/** Values that try. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.constantFrom(
        ...[
          '"',
          "'",
          '`',
          '<',
          '>',
          '</script>',
          '</style>',
          '</title>',
          '<!--',
          '-->',
          '&quot;',
          '\\',
          '//',
          '/*',
          '*/',
        ],
        ...[
          ' onload=x ',
          '=',
          ' ',
          '\n',
          '\r',
          '\u2028',
          '\0',
          '${',
          '}',
          '{',
          ';',
          ':',
          'javascript:',
          'url(',
          ')',
          '%22',
        ],
        ...['expression', '<script', '/', 'a', '1', '+', '-', '--', '\\27 ', '\\3c ', 'é', '\ud83d\ude00'],
      ),
      { maxLength: 8 },
    )
    .map((parts) => parts.join('')),
)

const places = [
  'a{{ .X }}b<i>c</i>',
  '<b{{ .X }}>',
  '<b {{ .X }}=1 c>',
  '<b data-{{ .X }}="1">',
  '<b title="{{ .X }}" c=1>',
  "<b title='{{ .X }}' c=1>",
  '<b title=x{{ .X }} c=1>',
  '<b {{ .X }} c=1>',
  '<a href="{{ .X }}">a</a>',
  '<a href=/{{ .X }} c=1>a</a>',
  '<a href="/?q={{ .X }}#{{ .X }}">a</a>',
  '<img srcset="{{ .X }}" c>',
  '<iframe srcdoc="{{ .X }}"></iframe><i>',
  '<a onclick="f({{ .X }}, \'{{ .X }}\', &quot;{{ .X }}&quot;)" c>a</a>',
  '<a onclick=\'f("{{ .X }}", /{{ .X }}/)\' c>a</a>',
  '<a onclick=f({{ .X }}) c>a</a>',
  '<script>f({{ .X }}, "{{ .X }}", /{{ .X }}/); // {{ .X }}\n/* {{ .X }} */</script><i>',
  '<script type="text/template"><b>{{ .X }}</b></script><i>',
  '<style>a { b: {{ .X }}; c: "{{ .X }}"; d: url({{ .X }}) url("{{ .X }}") } /* {{ .X }} */</style><i>',
  '<p style="a: {{ .X }}; b: \'{{ .X }}\'; c: url({{ .X }})" c>',
  '<p style=a:{{ .X }} c>',
  '<title>{{ .X }}</title><textarea>{{ .X }}</textarea><i>',
  '<!-- {{ .X }} --><i>',
].map((source) => ({ source, template: compileHtmlTemplate('details', source) }))

describe('values in HTML templates', () => {
  it.each(places)('$source keeps its tags and attributes', ({ template }) => {
    const names = (html: string) => structure(html).map((t) => t.replaceAll(/zgotmplz|[0-9a-z]*x0/gi, '*'))
    const expected = names(template.execute(goStruct('T', { X: 'x0' })))
    fc.assert(
      fc.property(hostile, (value) => {
        const found = names(template.execute(goStruct('T', { X: value })))
        // What a value adds to a name is letters and digits.
        expect(found.length).toBe(expected.length)
        expect(found.map((t) => t.split(' ').length)).toEqual(expected.map((t) => t.split(' ').length))
      }),
      { numRuns: 200 },
    )
  })

  it('scripts and event handlers get the value itself', () => {
    const script = compileHtmlTemplate('details', '<script>[{{ .X }}, "{{ .X }}", \'{{ .X }}\', `{{ .X }}`]</script>')
    const handler = compileHtmlTemplate('details', '<a onclick="[{{ .X }}, &quot;{{ .X }}&quot;, \'{{ .X }}\']">')
    const regexp = compileHtmlTemplate('details', '<script>/^{{ .X }}$/</script>')
    fc.assert(
      fc.property(hostile, (value) => {
        const data = goStruct('T', { X: value })
        const code = script.execute(data).slice('<script>'.length, -'</script>'.length)
        expect(code).not.toMatch(/<[!/s]/i)
        // In a template literal the value is a JavaScript expression: its quotes are part of the text.
        const well = Buffer.from(value).toString()
        expect(runInNewContext(code)).toEqual([well, well, well, `"${well}"`])
        const attribute = handler.execute(data).slice('<a onclick="'.length, -'">'.length)
        expect(runInNewContext(decodeHTML(attribute))).toEqual([well, well, well])
        const pattern = regexp.execute(data).slice('<script>'.length, -'</script>'.length)
        expect((runInNewContext(pattern) as RegExp).test(well)).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  it('URLs keep their scheme, styles their declaration', () => {
    const url = compileHtmlTemplate('details', '<a href="{{ .X }}">')
    const style = compileHtmlTemplate('details', '<p style="a: {{ .X }}; b: \'{{ .X }}\'">')
    fc.assert(
      fc.property(hostile, (value) => {
        const data = goStruct('T', { X: value })
        const href = decodeHTML(url.execute(data).slice('<a href="'.length, -'">'.length))
        const scheme = /^[^/?#]*?:/.exec(href)?.[0] ?? ''
        expect(['', 'http:', 'https:', 'mailto:']).toContain(scheme.toLowerCase())
        const css = decodeHTML(style.execute(data).slice('<p style="'.length, -'">'.length))
        const parts = /^a: ([^;"'(){}]*); b: '((?:[^'\\\n]|\\[^\n])*)'$/.exec(css)
        expect(parts).not.toBeNull()
        expect(parts?.[1]).not.toMatch(/expression|mozbinding/i)
      }),
      { numRuns: 500 },
    )
  })
})
