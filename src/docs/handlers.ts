/** Reference pages of the alert handlers: what their definitions say of themselves. */

import type { HandlerDef, HandlerSection, ServiceTest } from '../alert-handlers/handler.js'
import { handlerDefs } from '../alert-handlers/registry.js'
import { scriptMethod } from '../alert-handlers/script-methods.js'
import { specName } from '../alert-handlers/spec-options.js'
import { optionTable } from '../config/print.js'
import { block, code, page, table } from './markdown.js'
import { argText, propertiesOf } from './nodes.js'

/** By path below docs/reference/. */
export function handlerPages(): Map<string, string> {
  const pages = new Map([['handlers/README.md', handlerIndex()]])
  for (const def of handlerDefs) pages.set(`handlers/${def.kind}.md`, handlerPage(def))
  return pages
}

function handlerIndex(): string {
  return page([
    '# Alert handlers',
    '',
    'A script gives handlers to an alert node, `|alert().slack()`; a handler spec of the API gives one to a topic. A handler that is',
    'marked does not send events yet: it is accepted, and each of its events is an error in the log.',
    '',
    ...table(
      ['kind', 'in scripts', 'what it does'],
      handlerDefs.map((def) => [`[${def.kind}](${def.kind}.md)`, scriptCall(def), summaryOf(def)]),
    ),
  ])
}

const summaryOf = (def: HandlerDef): string => (def.isPending === true ? `${def.doc} Not yet.` : def.doc)

/** The method with its arguments, as code; '' when scripts do not have it. */
export function scriptCall(def: HandlerDef): string {
  const method = scriptMethod(def)
  return method === null ? '' : code(`.${method.method}(${method.args.map(argText).join(', ')})`)
}

function handlerPage(def: HandlerDef): string {
  const lines = [`# ${def.kind}`, '', def.doc, '']
  if (def.isPending === true) {
    lines.push('**Events do not go out yet:** each one is an error in the log. Tasks that use it start unless the')
    lines.push('configuration enables the service.', '')
  }
  return page([...lines, ...scriptLines(def), ...specLines(def), ...sectionLines(def.section), ...testLines(def)])
}

function scriptLines(def: HandlerDef): string[] {
  const method = scriptMethod(def)
  if (method === null) return []
  const named = Object.entries(def.options).filter(([, o]) => o.names.script === 'argument')
  const args = named.map(([name, o]) => [code(name), o.doc])
  return [
    '## In scripts',
    '',
    scriptCall(def),
    '',
    ...(args.length === 0 ? [] : [...table(['argument', 'meaning'], args), '']),
    ...propertiesOf(method.properties, ''),
  ]
}

function specLines(def: HandlerDef): string[] {
  const rows = Object.entries(def.options).flatMap(([name, o]) => {
    const spec = specName(def, name)
    return spec === null ? [] : [[code(spec), o.doc]]
  })
  const spec = `kind: ${def.kind}`
  const title = ['## In handler specs', '', ...block(spec, 'yaml'), '']
  return rows.length === 0 ? title : [...title, ...table(['option', 'meaning'], rows), '', durationsNote(def), '']
}

function durationsNote(def: HandlerDef): string {
  const has = Object.values(def.options).some((o) => typeof o.initial === 'object' && 'ns' in o.initial)
  return has ? 'Durations are integers, in nanoseconds.' : ''
}

function sectionLines(section: HandlerSection | undefined): string[] {
  if (section === undefined) return []
  const name = section.list === true ? `[[${section.name}]]` : `[${section.name}]`
  return ['## Configuration', '', `${code(name)}: ${section.doc}`, '', ...optionTable(section), '']
}

function testLines({ section, test }: HandlerDef): string[] {
  if (section === undefined || test === undefined) return []
  return [
    '## Service test',
    '',
    `${code(`POST /kapacitor/v1/service-tests/${section.name}`)}, or ${code(`shardline service-tests ${section.name}`)}, sends for real. The options, and what stands for them:`,
    '',
    ...block(JSON.stringify(test.options satisfies ServiceTest['options'], null, 2), 'json'),
    '',
  ]
}
