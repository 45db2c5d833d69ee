import { expect, it } from 'vitest'
import { tagsOfId } from '../../../../src/operators/alert/alert-id.js'

it.each([
  ['{{ .Name }}:{{ .Group }}', null],
  ['{{.Group}}', null],
  ['{{ $.Group }}/x', null],
  ['{{ .TaskName }}{{ .Name }}{{ .Group }}', null],
  ['{{/* the group */}}{{ $n := .Name }}{{ .Group }}', null],
  ['{{ .Tags.host }} {{ .Group }}', null],
  ['fixed', []],
  ['', []],
  ['{{ .Name }}', []],
  ['{{ .Tags.host }}', ['host']],
  ['kapacitor/{{ index .Tags "host" }}/{{ $.Tags.cpu }}', ['cpu', 'host']],
  ['{{ index $.Tags "a b" }}-{{ .Tags.host }}-{{ .Tags.host }}', ['a b', 'host']],
  // Values that are not apart do not tell each other's ends.
  ['{{ .Tags.a }}{{ .Tags.b }}-{{ .Tags.c }}', ['c']],
  ['{{ .Tags.a }}{{ if .Tags.b }}x{{ end }}', []],
  ['{{ .Tags.a }}-{{ if .Tags.b }}x{{ end }}', ['a']],
  // Not printed as they are, or not always.
  ['{{ if .Tags.host }}{{ .Tags.host }}{{ end }}', []],
  ['{{ .Group | len }}', []],
  ['{{ len .Group }}', []],
  ['{{ .Tags }}', []],
  ['{{ $h := .Tags.host }}x', []],
  ['{{ with .Tags }}{{ .host }}{{ end }}', []],
  ['{{ index .Tags .Name }}', []],
  ['{{ template "x" }}{{ define "x" }}{{ .Group }}{{ end }}', []],
  // An error of the template is the node's to report.
  ['{{ .Group', []],
])('%s', (template, tags) => {
  expect(tagsOfId(template)).toEqual(tags)
})
