/**
 * Rewrites templates so that each value is escaped for the place where it lands: decided once, before the first execution. A
 * template that is called in several places becomes one per context. Branches must end alike, and a document where it started.
 *
 * Templates may call themselves: while one is worked on, its end is assumed to be like its start, then like what came out.
 * Work that was done on a wrong assumption is forgotten with the Rewriter that holds it. Thread: any.
 */
import { goQuote } from '../../go/go-format.js'
import type { AnyNode, BranchNode, ListNode, Statement, TemplateNode, TemplateTree, TextNode } from '../nodes.js'
import { type Context, contextText, derivedName, sameContext, textContext } from './context.js'
import { EscapeError } from './escape-error.js'
import { escapeAction, nudge } from './escape-pipe.js'
import { escapeStatic } from './static-text.js'

/** Deeper calls and blocks are refused, so that the stack holds. */
const maxDepth = 1000
/** Statements looked at, with static text in portions: ends the work where calls and loops multiply. */
const maxSteps = 100_000
const textPerStep = 100

interface Limits {
  depth: number
  steps: number
}

/** Throws EscapeError. */
export function rewriteTrees(trees: ReadonlyMap<string, TemplateTree>, name: string): Map<string, TemplateTree> {
  const rewriter = new Rewriter(trees, null, { depth: 0, steps: 0 })
  const { to } = rewriter.call(textContext, name, null)
  if (to.state !== 'stateText') throw new EscapeError(`ends in a non-text context: ${contextText(to)}`)
  return rewriter.done
}

interface Result<T> {
  readonly to: Context
  readonly node: T
}

class Rewriter {
  /** Rewritten templates by derived name. */
  readonly done = new Map<string, TemplateTree>()
  /** Contexts behind calls of them, known or assumed. */
  private readonly ends = new Map<string, Context>()
  private readonly called = new Set<string>()

  constructor(
    private readonly trees: ReadonlyMap<string, TemplateTree>,
    private readonly outer: Rewriter | null,
    private readonly limits: Limits,
  ) {}

  /** A call at `c`, by `node`: the context behind it, and the name to call. */
  call(c: Context, name: string, node: AnyNode | null): { to: Context; name: string } {
    const derived = derivedName(name, c)
    this.called.add(derived)
    const known = this.endOf(derived)
    if (known !== undefined) return { to: known, name: derived }
    const tree = this.trees.get(name)
    if (tree === undefined) throw new EscapeError(`no such template ${goQuote(name)}`, node)
    this.enter()
    const body = this.body(c, tree, derived)
    const to = body.isSure ? body.to : this.secondTry(body.to, tree, derived)
    this.limits.depth--
    this.ends.set(derived, to)
    return { to, name: derived }
  }

  private secondTry(c: Context, tree: TemplateTree, derived: string): Context {
    try {
      const body = this.body(c, tree, derived)
      if (body.isSure) return body.to
    } catch (err) {
      if (!(err instanceof EscapeError)) throw err
      // The first try tells more.
    }
    throw new EscapeError(`cannot compute output context for template ${derived}`, tree.root)
  }

  /** Tries a body, taking it that calls of it end in `c` too. */
  private body(c: Context, tree: TemplateTree, derived: string): { to: Context; isSure: boolean } {
    this.ends.set(derived, c)
    const inner = new Rewriter(this.trees, this, this.limits)
    const { to, node } = inner.list(c, tree.root)
    const isSure = !inner.called.has(derived) || sameContext(c, to)
    if (isSure) {
      for (const [k, v] of inner.ends) this.ends.set(k, v)
      for (const [k, v] of inner.done) this.done.set(k, v)
      for (const k of inner.called) this.called.add(k)
      this.done.set(derived, { name: derived, root: node })
    }
    return { to, isSure }
  }

  private endOf(derived: string): Context | undefined {
    return this.ends.get(derived) ?? this.outer?.endOf(derived)
  }

  private enter(): void {
    if (++this.limits.depth > maxDepth) throw new EscapeError('template is nested too deeply')
  }

  private list(c: Context, list: ListNode): Result<ListNode> {
    this.enter()
    let to = c
    const nodes: Statement[] = []
    for (const statement of list.nodes) {
      this.limits.steps += statement.type === 'text' ? 1 + statement.text.length / textPerStep : 1
      if (this.limits.steps > maxSteps) throw new EscapeError('template has too many contexts')
      const result = this.statement(to, statement)
      to = result.to
      nodes.push(result.node)
    }
    this.limits.depth--
    return { to, node: { ...list, nodes } }
  }

  private statement(c: Context, n: Statement): Result<Statement> {
    switch (n.type) {
      case 'text':
        return this.text(c, n)
      case 'action':
        return escapeAction(c, n)
      case 'template':
        return this.template(c, n)
      default:
        return this.branch(c, n)
    }
  }

  private text(c: Context, n: TextNode): Result<TextNode> {
    const { to, text } = escapeStatic(c, n.text)
    return { to, node: { ...n, text } }
  }

  private template(c: Context, n: TemplateNode): Result<TemplateNode> {
    const { to, name } = this.call(c, n.name, n)
    return { to, node: { ...n, name } }
  }

  private branch(c: Context, n: BranchNode): Result<BranchNode> {
    const list = this.list(c, n.list)
    const behind = n.type === 'range' ? this.again(c, list.to, n) : list.to
    const other = n.elseList === null ? { to: c, node: null } : this.list(c, n.elseList)
    return { to: join(behind, other.to, n), node: { ...n, list: list.node, elseList: other.node } }
  }

  /** The body of a range starts again where it ends: that must lead to the same context. */
  private again(before: Context, behind: Context, n: BranchNode): Context {
    if (sameContext(before, behind)) return behind
    try {
      const inner = new Rewriter(this.trees, this, this.limits)
      return join(behind, inner.list(behind, n.list).to, n)
    } catch (err) {
      if (!(err instanceof EscapeError)) throw err
      throw new EscapeError(`on range loop re-entry: ${err.message}`, err.node, n)
    }
  }
}

/** The context behind two branches. */
function join(a: Context, b: Context, n: BranchNode): Context {
  const joined = joinOrNull(a, b)
  if (joined !== null) return joined
  throw new EscapeError(`{{${n.type}}} branches end in different contexts: ${contextText(a)}, ${contextText(b)}`, n)
}

function joinOrNull(a: Context, b: Context): Context | null {
  if (sameContext(a, b)) return a
  if (sameContext({ ...a, urlPart: b.urlPart }, b)) return { ...b, urlPart: 'urlPartUnknown' }
  if (sameContext({ ...a, jsCtx: b.jsCtx }, b)) return { ...b, jsCtx: 'jsCtxUnknown' }
  // One branch may stand where the other comes without a character.
  const c = nudge(a)
  const d = nudge(b)
  return sameContext(c, a) && sameContext(d, b) ? null : joinOrNull(c, d)
}
