/**
 * Examples of the reference, one file per node: a script under a comment that says what it does, what goes in and what comes
 * out. Tests run them.
 *
 *   // What it does.
 *   //
 *   // input
 *   //   cpu,host=a usage=10 0
 *   // output
 *   //   cpu,host=a mean=10 10
 *   stream
 *       |from()
 */
export interface Example {
  readonly title: string
  readonly input: string
  readonly output: string
  readonly script: string
}

export function parseExample(text: string): Example {
  const lines = text.split('\n')
  const sections = { title: [] as string[], input: [] as string[], output: [] as string[] }
  let section: keyof typeof sections = 'title'
  let at = 0
  for (; lines[at]?.startsWith('//'); at++) {
    const line = lines[at].slice(2).replace(/^ /, '')
    if (line === 'input' || line === 'output') section = line
    else sections[section].push(section === 'title' ? line : line.replace(/^ {2}/, ''))
  }
  return {
    title: sections.title.join(' ').trim(),
    input: sections.input.join('\n'),
    output: sections.output.join('\n'),
    script: `${lines.slice(at).join('\n').trim()}\n`,
  }
}

/** The same file with another output. */
export function withOutput(text: string, output: string): string {
  const lines = text.split('\n')
  const from = lines.indexOf('// output') + 1
  let to = from
  while (lines[to]?.startsWith('//')) to++
  const block = output.trimEnd().split('\n')
  const comment = output === '' ? [] : block.map((line) => `//   ${line}`.trimEnd())
  return [...lines.slice(0, from), ...comment, ...lines.slice(to)].join('\n')
}
