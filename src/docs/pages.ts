/** All pages of the reference, by path below docs/reference/. They are committed; a test compares them with these. */
import { handlerSections } from '../alert-handlers/registry.js'
import { commands } from '../cli/commands.js'
import { configReference } from '../config/print.js'
import { docOf, type ErrorCode, errorGroups, statusOf } from '../error-codes.js'
import { type Example, parseExample } from './example.js'
import { functionsPage } from './functions.js'
import { handlerPages } from './handlers.js'
import { block, code, page, table } from './markdown.js'
import { documentedNodes, nodeIndex, nodePage } from './nodes.js'

/** `exampleOf` gives the text of a node's example, if there is one. */
export function referencePages(exampleOf: (method: string) => string | undefined): Map<string, string> {
  const pages = new Map<string, string>()
  const nodes = documentedNodes()
  pages.set('README.md', indexPage())
  pages.set('nodes/README.md', nodeIndex(nodes))
  for (const def of nodes) {
    const text = exampleOf(def.method)
    const example: Example | undefined = text === undefined ? undefined : parseExample(text)
    pages.set(`nodes/${def.method}.md`, nodePage(def, example))
  }
  pages.set('functions.md', functionsPage())
  for (const [path, text] of handlerPages()) pages.set(path, text)
  pages.set('configuration.md', page([configReference(handlerSections)]))
  pages.set('errors.md', errorsPage())
  pages.set('cli.md', cliPage())
  return pages
}

function indexPage(): string {
  return page([
    '# Reference',
    '',
    '- [Nodes](nodes/README.md): what a TICKscript is made of',
    '- [Alert handlers](handlers/README.md)',
    '- [Functions](functions.md) of lambdas',
    '- [Configuration](configuration.md) of the server',
    '- [Command line](cli.md)',
    '- [Errors](errors.md) and their codes',
  ])
}

function errorsPage(): string {
  const lines = [
    '# Errors',
    '',
    'Replies of the HTTP API to failed requests are `{"error": TEXT, "message": TEXT}`; the texts are those of the original where it',
    'has them. The header `X-Shardline-Error` carries one of these codes, which never change their meaning.',
    '',
  ]
  for (const { title, codes } of errorGroups) {
    const rows = Object.entries(codes).map(([name, entry]) => [
      code(name),
      String(statusOf(name as ErrorCode)),
      docOf(entry),
    ])
    lines.push(`## ${title}`, '', ...table(['code', 'status', 'meaning'], rows), '')
  }
  return page(lines)
}

function cliPage(): string {
  const lines = [
    '# Command line',
    '',
    '`shardline [options] COMMAND [arguments]` talks to the server at `-url` (or `KAPACITOR_URL`, or http://localhost:9092).',
    '',
    ...table(
      ['command', 'what it does'],
      commands.map((c) => [`[${c.name}](#${c.name})`, c.summary]),
    ),
    '',
  ]
  for (const command of commands)
    lines.push(`## ${command.name}`, '', ...block(command.usage.replaceAll('\t', '    ')), '')
  return page(lines)
}
