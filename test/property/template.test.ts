/** Templates never hang, never run code, and print texts and numbers back as they are. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ShardlineError } from '../../src/errors.js'
import { floatText } from '../../src/templates/float-text.js'
import { compileHtmlTemplate, compileTextTemplate, goStruct } from '../../src/templates/index.js'

const piece = fc.constantFrom(
  '{{',
  '}}',
  '{{ .A }}',
  '{{ if .A }}',
  '{{ else }}',
  '{{ end }}',
  '{{ range $i, $x := .A }}',
  '{{ with .B }}',
  '{{ define "t" }}',
  '{{ template "t" . }}',
  '{{- ',
  ' -}}',
  '"',
  '`',
  '(',
  ')',
  '|',
  '$x',
  ':=',
  ' printf "%d %v" .A ',
  ' len .B ',
  '1.5e3',
  '<script>',
  "<a href='",
  '>',
  '/* */',
  '.A.B.C',
  'é\n',
  '<',
  '</',
  '=',
  '/',
  "'",
  '<!--',
  '-->',
  '</script>',
  '<style>',
  '</title>',
  '<title>',
  ' x=',
  ' onclick="',
  ' ',
  '\\',
  '{{ .A | html }}',
)

describe('templates', () => {
  it('any source either runs or fails with a template error', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 16 }), (pieces) => {
        const data = goStruct('T', { A: 'text', B: 3n })
        for (const compile of [compileTextTemplate, compileHtmlTemplate]) {
          try {
            expect(typeof compile('message', pieces.join('')).execute(data)).toBe('string')
          } catch (err) {
            expect(err).toBeInstanceOf(ShardlineError)
            expect((err as ShardlineError).message).toMatch(/^(?:html\/)?template: ?message:/)
          }
        }
      }),
      { numRuns: 5000 },
    )
  })

  it('floats read back as the same number', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (v) => {
        expect(Object.is(Number(floatText(v, 'g', -1)), v)).toBe(true)
        expect(Object.is(Number(floatText(v, 'e', -1)), v)).toBe(true)
      }),
    )
  })

  it('text passes unchanged; html output shows no raw markup', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (s) => {
        const data = goStruct('T', { A: s })
        expect(compileTextTemplate('message', '[{{ .A }}]').execute(data)).toBe(`[${s}]`)
        for (const source of [
          '<p>{{ .A }}</p>',
          '<p title="{{ .A }}">',
          '<p title={{ .A }}>',
          '<a href="/{{ .A }}">',
        ]) {
          const [before, after] = source.split('{{ .A }}')
          const out = compileHtmlTemplate('details', source).execute(data)
          expect(out.slice(before.length, out.length - after.length)).not.toMatch(/[<>"']/)
        }
      }),
    )
  })
})
