/** Which escapers a value needs at a place, and the pipeline that ends in them. Thread: any. */
import { goQuote } from '../../go/go-format.js'
import type { ActionNode, CommandNode, PipeNode } from '../nodes.js'
import { sourceOf } from '../nodes.js'
import { type Context, isComment, valueStates } from './context.js'
import { EscapeError } from './escape-error.js'
import type { EscaperName } from './escapers.js'

/** Where a value stands that follows `c`: some contexts go on without a character. */
export function nudge(c: Context): Context {
  switch (c.state) {
    case 'stateTag':
      return { ...c, state: 'stateAttrName' }
    case 'stateBeforeValue':
      return { ...c, state: valueStates[c.attr], delim: 'delimSpaceOrTagEnd', attr: 'attrNone' }
    case 'stateAfterName':
      return { ...c, state: 'stateAttrName', attr: 'attrNone' }
    default:
      return c
  }
}

/** The context behind the value, and the action with its escapers. */
export function escapeAction(before: Context, action: ActionNode): { to: Context; node: ActionNode } {
  // A declaration prints nothing.
  if (action.pipe.decls.length > 0) return { to: before, node: action }
  const c = nudge(before)
  checkPredefined(c, action)
  const to: Context = c.state === 'stateJS' ? { ...c, jsCtx: 'jsCtxDivOp' } : c
  return { to, node: { ...action, pipe: endingIn(action.pipe, escapersAt(c, action)) } }
}

const predefined = new Set(['html', 'urlquery'])

function functionOf(command: CommandNode): string {
  const [first] = command.args
  return first.type === 'identifier' ? first.name : ''
}

/** `html` and `urlquery` may stand at the end only, and `html` not where blanks end a value. */
function checkPredefined(c: Context, action: ActionNode): void {
  const { commands } = action.pipe
  const isUnquoted = c.state === 'stateAttr' && c.delim === 'delimSpaceOrTagEnd'
  commands.forEach((command, i) => {
    const name = functionOf(command)
    if (!predefined.has(name)) return
    if (i < commands.length - 1 || (isUnquoted && name === 'html')) {
      throw new EscapeError(`predefined escaper ${goQuote(name)} disallowed in template`, action)
    }
  })
}

function escapersAt(c: Context, action: ActionNode): EscaperName[] {
  const names = languageEscapers(c, action)
  if (c.delim === 'delimNone') return names
  return [...names, c.delim === 'delimSpaceOrTagEnd' ? '_html_template_nospaceescaper' : '_html_template_attrescaper']
}

function languageEscapers(c: Context, action: ActionNode): EscaperName[] {
  switch (c.state) {
    case 'stateText':
      return ['_html_template_htmlescaper']
    case 'stateRCDATA':
      return ['_html_template_rcdataescaper']
    case 'stateAttr':
      return []
    case 'stateAttrName':
      return ['_html_template_htmlnamefilter']
    case 'stateSrcset':
      return ['_html_template_srcsetescaper']
    case 'stateJS':
      return ['_html_template_jsvalescaper']
    case 'stateJSDqStr':
    case 'stateJSSqStr':
      return ['_html_template_jsstrescaper']
    case 'stateJSRegexp':
      return ['_html_template_jsregexpescaper']
    case 'stateCSS':
      return ['_html_template_cssvaluefilter']
    case 'stateURL':
    case 'stateCSSDqStr':
    case 'stateCSSSqStr':
    case 'stateCSSDqURL':
    case 'stateCSSSqURL':
    case 'stateCSSURL':
      return urlEscapers(c, action)
    default:
      if (isComment(c.state)) return ['_html_template_commentescaper']
      throw new Error(`a value in ${c.state}`)
  }
}

function urlEscapers(c: Context, action: ActionNode): EscaperName[] {
  const inString = c.state === 'stateCSSDqStr' || c.state === 'stateCSSSqStr'
  const normalizer = inString ? '_html_template_cssescaper' : '_html_template_urlnormalizer'
  switch (c.urlPart) {
    case 'urlPartNone':
      return ['_html_template_urlfilter', normalizer]
    case 'urlPartPreQuery':
      return [normalizer]
    case 'urlPartQueryOrFrag':
      return ['_html_template_urlescaper']
    default:
      throw new EscapeError(`${sourceOf(action)} appears in an ambiguous context within a URL`, action)
  }
}

/** Escapers that a predefined one does the work of. */
const sameAs: Readonly<Record<string, string>> = {
  _html_template_attrescaper: 'html',
  _html_template_htmlescaper: 'html',
  _html_template_rcdataescaper: 'html',
  _html_template_urlescaper: 'urlquery',
  _html_template_urlnormalizer: 'urlquery',
}

/** Escapers that change nothing behind another one. */
const redundantBehind: Readonly<Record<string, readonly string[]>> = {
  _html_template_commentescaper: ['_html_template_attrescaper', '_html_template_htmlescaper'],
  _html_template_cssescaper: ['_html_template_attrescaper'],
  _html_template_jsregexpescaper: ['_html_template_attrescaper'],
  _html_template_jsstrescaper: ['_html_template_attrescaper'],
  _html_template_urlescaper: ['_html_template_urlnormalizer'],
}

function endingIn(pipe: PipeNode, escapers: readonly EscaperName[]): PipeNode {
  const command = (name: string, args: CommandNode['args'] = []): CommandNode => ({
    type: 'command',
    pos: pipe.pos,
    args: [{ type: 'identifier', pos: pipe.pos, name }, ...args],
  })
  let commands = [...pipe.commands]
  let names: readonly string[] = escapers
  const last = commands[commands.length - 1]
  const own = functionOf(last)
  if (predefined.has(own)) {
    if (commands.length === 1 && last.args.length > 1) {
      // `html a b`: its arguments become the value, it becomes an escaper like the others.
      commands = [command('_eval_args_', last.args.slice(1)), command(own)]
    }
    if (names.some((n) => sameAs[n] === own)) {
      names = names.map((n) => (sameAs[n] === own ? own : n))
      commands.pop()
    }
  }
  const present = new Set(commands.map((c) => sameAs[functionOf(c)] ?? functionOf(c)))
  for (const name of names) {
    if (present.has(sameAs[name] ?? name)) continue
    const before = functionOf(commands[commands.length - 1])
    if (!redundantBehind[before]?.includes(name)) commands.push(command(name))
  }
  return { ...pipe, commands }
}
