import { checkScript } from '../../../src/compile/check-script.js'
import { wellFormed } from '../../../src/tickscript/parser.js'
import { Source } from '../../../src/tickscript/positions.js'
import type { JsonVar } from '../../../src/tickscript/vars.js'

/** What `check` says, one line each: place, marked text, message, hint, what to write. Lists of expected tokens are cut. */
export function problems(script: string, vars?: Record<string, JsonVar>): string[] {
  const source = new Source(wellFormed(script))
  return checkScript(script, { vars }).map(({ severity, message, start, end, hint, suggestion }) => {
    const marked = source.text.slice(source.unitAt(start.offset), source.unitAt(end.offset))
    const text = message.replace(/"number","string".*$/s, 'an operand')
    const more = [hint === undefined ? '' : ` | ${hint}`, suggestion === undefined ? '' : ` => ${suggestion}`].join('')
    return `${severity === 'warning' ? 'warning ' : ''}${start.line}:${start.char} [${marked}] ${text}${more}`
  })
}
