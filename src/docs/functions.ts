/** The reference page of the built-in functions. */
import { functionExamples } from '../lambda/functions/examples.js'
import type { FunctionDef } from '../lambda/functions/function-def.js'
import { functions } from '../lambda/functions/registry.js'
import { typeName } from '../lambda/types.js'
import { code, page, table } from './markdown.js'

const families: Record<FunctionDef['family'], { readonly title: string; readonly doc: string }> = {
  conversion: { title: 'Conversions', doc: 'A value that cannot be converted is an error for its point.' },
  math: { title: 'Mathematics', doc: 'Over floats; out of the domain the result is NaN or infinite, never an error.' },
  string: { title: 'Strings', doc: 'Offsets and lengths count bytes of UTF-8.' },
  time: { title: 'Times', doc: 'In the time zone of the server. `"time"` is the time of the point.' },
  misc: { title: 'Others', doc: '' },
  stateful: {
    title: 'With state',
    doc:
      'One state per expression, group and function: two calls in one expression share it. In `alert` and `from().where` all ' +
      'groups share one. The examples are four points whose field v is 1, 2, 3 and 10.',
  },
}

export function functionsPage(): string {
  const lines = [
    '# Functions',
    '',
    'Built-in functions of lambdas. Arguments are evaluated before the call and must have exactly the types of a signature:',
    'an integer is no float (`abs(5)` fails, `abs(5.0)` does not). Outside lambdas they can be called inside expressions only.',
    '',
  ]
  for (const [family, { title, doc }] of Object.entries(families)) {
    lines.push(`## ${title}`, '', ...(doc === '' ? [] : [doc, '']))
    const rows = functions.filter((f) => f.family === family).map(row)
    lines.push(...table(['function', 'signatures', 'meaning', 'examples'], rows), '')
  }
  return page(lines)
}

function row(f: FunctionDef): string[] {
  const signatures = f.signatures.map((s) => code(`(${s.args.map(typeName).join(', ')}) → ${typeName(s.result)}`))
  const examples = (functionExamples[f.name] ?? []).map(
    ([expression, result]) => `${code(expression)} is ${code(result)}`,
  )
  return [code(`${f.name}(${f.params.join(', ')})`), signatures.join('<br>'), f.doc, examples.join('<br>')]
}
