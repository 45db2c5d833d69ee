/** Go-style flags (`-name value`, `-name=value`, `--name`, parsing stops at the first argument that is none) for both programs. Thread: any. */
import parseArgs from 'yargs-parser'
import { ShardlineError } from './errors.js'

export interface FlagSpec {
  readonly strings?: readonly string[]
  readonly booleans?: readonly string[]
  /** May be repeated. */
  readonly lists?: readonly string[]
}

export interface ParsedFlags {
  readonly strings: ReadonlyMap<string, string>
  readonly booleans: ReadonlySet<string>
  readonly lists: ReadonlyMap<string, readonly string[]>
  /** What follows the flags. */
  readonly rest: readonly string[]
}

/** Throws a ShardlineError `bad-flag` with Go's text. */
export function parseGoFlags(args: readonly string[], spec: FlagSpec): ParsedFlags {
  const { strings = [], booleans = [], lists = [] } = spec
  checkMissing(args, spec)
  const parsed = parseArgs([...args], {
    string: [...strings, ...lists],
    boolean: [...booleans],
    configuration: {
      'short-option-groups': false,
      'camel-case-expansion': false,
      'boolean-negation': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'halt-at-non-option': true,
      'duplicate-arguments-array': true,
    },
  })
  const out = { strings: new Map<string, string>(), booleans: new Set<string>(), lists: new Map<string, string[]>() }
  for (const [name, value] of Object.entries(parsed)) {
    if (name === '_') continue
    if (booleans.includes(name)) {
      if (value === true || (Array.isArray(value) && value.at(-1) === true)) out.booleans.add(name)
    } else if (lists.includes(name)) out.lists.set(name, [value].flat().map(String))
    else if (strings.includes(name)) out.strings.set(name, String([value].flat().at(-1)))
    else throw new ShardlineError('bad-flag', `flag provided but not defined: -${name}`)
  }
  return { ...out, rest: parsed._.map(String) }
}

/** A flag with a value at the end of the arguments lacks it. */
function checkMissing(args: readonly string[], spec: FlagSpec): void {
  const last = args.at(-1) ?? ''
  const name = last.replace(/^--?/, '')
  if (last === name || !(spec.strings?.includes(name) || spec.lists?.includes(name))) return
  const before = args.at(-2) ?? ''
  const previous = before.replace(/^--?/, '')
  // `-tick -tick`: the last one is the value of the one before.
  if (before !== previous && (spec.strings?.includes(previous) || spec.lists?.includes(previous))) return
  throw new ShardlineError('bad-flag', `flag needs an argument: -${name}`)
}
