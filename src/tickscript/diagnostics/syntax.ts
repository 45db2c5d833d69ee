/** Hints for parse errors: what people write who come from other languages, and what TICKscript wants instead. Thread: any. */

import type { Source } from '../positions.js'
import type { SyntaxFault, TolerantScript } from '../tolerant-parser.js'
import type { Advice, Fault } from './diagnostics.js'
import { nearest } from './suggest.js'

export function syntaxFaults(script: TolerantScript): Fault[] {
  return script.faults.map((fault) => ({
    severity: 'error' as const,
    message: fault.message,
    from: fault.from,
    to: fault.to,
    ...adviceFor(fault, script.source),
  }))
}

interface Place {
  /** The token that cannot stand here, and the one before it. */
  readonly token: string
  readonly previous: string
  /** The line up to the token. */
  readonly before: string
  readonly after: string
  readonly expected: string
}

function adviceFor(fault: SyntaxFault, source: Source): Advice {
  const { text } = source
  const place: Place = {
    token: text.slice(fault.from, fault.to),
    previous: fault.previous === undefined ? '' : text.slice(fault.previous.from, fault.previous.to),
    before: text.slice(text.lastIndexOf('\n', fault.from - 1) + 1, fault.from),
    after: text.slice(fault.to, fault.to + 80),
    expected: /expected: (.*)$/s.exec(fault.message)?.[1] ?? '',
  }
  if (fault.message.includes('unexpected') && fault.previous !== undefined && isOpenText(place.previous)) {
    const { line } = source.position(fault.previous.from)
    return { hint: `The text before it begins in line ${line}: is its closing quote missing there?` }
  }
  const lexical = lexicalAdvice(fault.message, place)
  if (lexical !== undefined) return lexical
  return literalAdvice(fault.message, place) ?? tokenAdvice(fault, place) ?? {}
}

/** A text over several lines that is no triple-quoted one. */
function isOpenText(token: string): boolean {
  return /^['"]/.test(token) && !token.startsWith("'''") && token.includes('\n')
}

const signs: Readonly<Record<string, string>> = {
  '&': 'Conditions are joined with AND.',
  _: 'Names begin with a letter.',
  '#': 'Comments begin with //.',
  ';': 'Statements need no separator.',
  '{': 'There are no blocks; lists are written in [ ].',
  '}': 'There are no blocks; lists are written in [ ].',
  '`': "Strings are written in single quotes: 'text'.",
  '“': "Strings are written in straight single quotes: 'text'.",
  '”': "Strings are written in straight single quotes: 'text'.",
  '‘': "Strings are written in straight single quotes: 'text'.",
  '’': "Strings are written in straight single quotes: 'text'.",
  '?': 'A choice is written if(condition, then, else).',
  '\\': 'Lines need no sign to go on.',
  '\ufeff': 'The file begins with a byte order mark: save it without one.',
  $: 'Vars are named without a sign.',
  '+': 'There is no unary plus.',
}

const blockComments = 'There are no block comments: write // before each line.'

function lexicalAdvice(message: string, { token, previous, before, after }: Place): Advice | undefined {
  const state = /unexpected unknown state, last char: /.test(message)
  if (state) {
    const c = [...token][0] ?? ''
    if (c === ':') {
      return previous === 'lambda'
        ? { hint: 'lambda: is written without a blank.' }
        : { hint: 'Only lambda: has a colon; a choice is written if(condition, then, else).' }
    }
    if ('=<>%/'.includes(c) && /[/\]*]$/.test(before.trimEnd())) {
      return { hint: 'Behind a regex, a list or a star only AND and OR can follow.' }
    }
    if (c === '=') {
      return after.startsWith('=')
        ? { hint: 'Something to compare is missing before ==.' }
        : { hint: 'A value is missing before =.' }
    }
    if (c === '>' || c === '<') return { hint: 'Something to compare is missing before it.' }
    return signs[c] === undefined ? {} : { hint: signs[c] }
  }
  if (message.includes('unterminated string')) {
    return token.startsWith("'''")
      ? { hint: "The closing ''' is missing." }
      : { hint: "The closing ' is missing; \\' is a quote inside a string." }
  }
  if (message.includes('unterminated field reference')) return { hint: 'The closing " is missing.' }
  if (message.includes('unterminated regex')) {
    return token.startsWith('/*')
      ? { hint: blockComments }
      : { hint: 'A / here begins a regex. Division needs an operand before it.' }
  }
  if (message.includes('multiple decimals')) return { hint: "Addresses and versions are strings: '10.0.0.1'." }
  return undefined
}

function literalAdvice(message: string, { token }: Place): Advice | undefined {
  if (message.includes('illegal number syntax')) {
    return /^0\d/.test(token)
      ? { hint: 'A leading zero makes an integer octal.', suggestion: token.replace(/^0+(?=\d)/, '') }
      : { hint: 'Integers go up to 9223372036854775807; write a float with a dot.' }
  }
  if (message.includes('duration') && !message.includes('unexpected')) {
    return { hint: 'The longest duration is about 292 years (15250w).' }
  }
  return undefined
}

const words: ReadonlyMap<string, string> = new Map(
  Object.entries({ and: 'AND', or: 'OR', not: '!', true: 'TRUE', false: 'FALSE' }),
)

function tokenAdvice(fault: SyntaxFault, place: Place): Advice | undefined {
  const { token, previous, before, after, expected } = place
  const found = /unexpected (\S+)/.exec(fault.message)?.[1] ?? ''
  const word = words.get(token.toLowerCase())
  if (found === 'identifier' && word !== undefined && token.toLowerCase() !== 'not') {
    return { hint: `Keywords are written in capitals: ${word}.`, suggestion: word }
  }
  if (previous === 'lambda') return { hint: 'lambda: needs its colon.' }
  if (found === '=') return assignAdvice(before)
  if (/^\d+$|^\d+\.\d*$/.test(previous) && found === 'identifier') return numberAdvice(previous, token, before)
  if (/^\d+(?:ms|[uµsmhdw])$/.test(previous) && (found === 'duration' || found === 'number')) {
    return { hint: 'A duration has one number and one unit: 90m, not 1h30m.' }
  }
  if (/^\d+(?:ms|[uµsmhdw])$/.test(previous) && found === 'identifier') {
    return { hint: 'Units of durations are u, ms, s, m, h, d and w.' }
  }
  if (expected === '"("') return { hint: `Methods behind | are called: ${previous}().` }
  if (expected.startsWith('"identifier","string","*"')) {
    return { hint: 'Lists hold strings, names and stars only.' }
  }
  if (expected === '"reference"' || (expected === '"."' && /\bdbrp\b/.test(before))) {
    return { hint: 'A database and retention policy are written dbrp "database"."policy".' }
  }
  if (found === 'lambda') return { hint: 'A lambda stands alone: not in parentheses, not inside an expression.' }
  if (expected === '"identifier"' && (previous === 'var' || previous === '|' || previous === '.' || previous === '@')) {
    return nameAdvice(found, token, previous)
  }
  if (found === '|' && after.startsWith('|')) return { hint: 'Conditions are joined with OR.' }
  if (found === 'EOF' || found === 'var' || expected === '")"') return closingAdvice(found, expected, token, previous)
  if (found === ')' && /^(?:[-+*/%<>!]|[=!<>]=|[=!]~|AND|OR|lambda:)$/.test(previous)) {
    return { hint: 'Something is missing before it.' }
  }
  if (found === ')') return { hint: 'No parenthesis is open here.' }
  if (found === '/' && after.startsWith('*')) return { hint: blockComments }
  if (found === '+' || found === '==' || found === '>' || found === '<') {
    return { hint: 'Calculations over nodes do not exist; values are computed in lambdas.' }
  }
  return undefined
}

function assignAdvice(before: string): Advice {
  const name = /^\s*(?:(\p{L}+)\s+)?(\p{L}[\p{L}\p{Nd}_]*)\s*$/u.exec(before)
  if (name === null) return { hint: 'Values are compared with ==.', suggestion: '==' }
  const keyword = name[1] === undefined ? undefined : nearest(name[1], ['var'])
  if (keyword !== undefined || /^(?:let|const|def|set)$/i.test(name[1] ?? '')) {
    return { hint: `A var is declared with var: var ${name[2]} = …` }
  }
  return { hint: `A var is declared with var: var ${name[2]} = … Values are compared with ==.` }
}

function numberAdvice(number: string, unit: string, before: string): Advice {
  if (/^e\d*$/i.test(unit)) return { hint: 'Numbers have no exponent: write all digits.' }
  if (/\s$/.test(before) && /^(?:u|µ|ms|s|m|h|d|w)$/.test(unit)) {
    return { hint: `A duration is written without a blank: ${number}${unit}.` }
  }
  if (number.includes('.')) return { hint: 'Durations are whole numbers: 1500ms, not 1.5s.' }
  return { hint: 'Units of durations are u, ms, s, m, h, d and w.' }
}

function nameAdvice(found: string, token: string, previous: string): Advice {
  if (previous === '|' && found === '|') return { hint: 'Conditions are joined with OR.' }
  if (found === 'string' || found === 'reference') return { hint: 'A name is written without quotes.' }
  if (/^(?:var|dbrp|TRUE|FALSE|AND|OR)$/.test(token)) return { hint: `${token} is a keyword and cannot be a name.` }
  return previous === 'var' ? { hint: 'A name of letters, digits and _ follows.' } : { hint: 'A name follows.' }
}

function closingAdvice(found: string, expected: string, token: string, previous: string): Advice | undefined {
  if (expected === '")"') {
    if (found === 'EOF' || found === 'var' || found === 'dbrp' || found === '|' || found === '.') {
      return { hint: 'A closing parenthesis is missing before it.' }
    }
    if (found === 'identifier') {
      const meant = nearest(token, ['AND', 'OR'])
      if (meant !== undefined) return { hint: `Did you mean ${meant}?`, suggestion: meant }
    }
    if (found === 'string' || found === 'reference' || found === 'number' || found === 'identifier') {
      return { hint: 'A comma, an operator or a closing parenthesis is missing before it.' }
    }
    return undefined
  }
  if (expected === '"]"') return { hint: 'A closing ] is missing before it.' }
  if ((found === 'var' || found === 'dbrp') && /^[(,]$/.test(previous)) {
    return { hint: 'A closing parenthesis is missing before it.' }
  }
  if (found === 'EOF')
    return previous === '(' ? { hint: 'A closing parenthesis is missing.' } : { hint: 'The script ends too early.' }
  return undefined
}
