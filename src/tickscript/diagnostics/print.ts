/** Diagnostics as text with a code frame. Thread: any. */

import type { Source } from '../positions.js'
import type { Diagnostic } from './diagnostics.js'

const style = (code: string) => (text: string) => `\u001b[${code}m${text}\u001b[0m`
const plain = (text: string): string => text

/** Longest part of a line that is shown, in characters. */
const maxLine = 160

export function printDiagnostic(file: string, diagnostic: Diagnostic, source: Source, colours: boolean): string {
  const { severity, message, start, end, hint, suggestion } = diagnostic
  const bold = colours ? style('1') : plain
  const dim = colours ? style('2') : plain
  const mark = colours ? style(severity === 'error' ? '1;31' : '1;33') : plain
  const help = colours ? style('36') : plain
  const number = String(start.line)
  const gutter = ' '.repeat(number.length)
  const frame = frameOf(source, start.line, source.unitAt(start.offset), source.unitAt(end.offset))
  const lines = [
    `${mark(severity)}: ${bold(message)}`,
    `${gutter}${dim('-->')} ${file}:${start.line}:${start.char}`,
    `${gutter} ${dim('|')}`,
    `${dim(`${number} |`)} ${frame.line}`,
    `${gutter} ${dim('|')} ${frame.blanks}${mark('^'.repeat(frame.width))}`,
  ]
  if (hint !== undefined) lines.push(`${gutter} ${dim('=')} ${help('hint')}: ${hint}`)
  else if (suggestion !== undefined) lines.push(`${gutter} ${dim('=')} ${help('hint')}: write ${suggestion}`)
  return `${lines.join('\n')}\n`
}

interface Frame {
  readonly line: string
  readonly blanks: string
  readonly width: number
}

/** The line with the place, and what stands under it. Tabs stay, so that the marks are below what they mean. */
function frameOf(source: Source, line: number, from: number, to: number): Frame {
  const text = source.lineText(line).replace(/\r$/, '')
  const lineStart = source.offsetOf(line, 1)
  const at = from - lineStart
  // Long lines are cut around the place.
  const cut = at > maxLine / 2 ? at - maxLine / 2 : 0
  const shown = text.slice(cut, cut + maxLine)
  const before = shown.slice(0, at - cut)
  const marked = shown.slice(at - cut, Math.min(to - lineStart - cut, shown.length))
  return {
    line: printable(shown),
    blanks: [...printable(before)].map((c) => (c === '\t' ? '\t' : ' ')).join(''),
    width: Math.max(1, [...printable(marked)].length),
  }
}

/** Control characters would move the cursor. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ud800-\udfff](?![\udc00-\udfff])/g, '\ufffd')
}
