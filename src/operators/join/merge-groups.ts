/**
 * Groups of several parents as groups of one grouping of the operator's own. Thread: shard worker.
 *
 * Parents group each for themselves, so the same tags have another id from each. The own grouping has the dimensions
 * of the parents if they all have the same; else it is one by `*`, whose keys name their tags and so hold any group.
 *
 * Per parent's grouping, in pages: own id + 1 (0: not known) and the own group's generation, which tells a reused own
 * id from the one that was mapped. A mapped parent's group is held, so that its id is not reused until `forget`.
 */
import type { GroupInfo } from '../../columns/chunk.js'
import { encodeUtf8 } from '../../columns/column.js'
import { Grouping } from '../../state/grouping.js'
import type { Pages } from '../../state/pages.js'
import type { PipelineNode } from '../../tickscript/node-def.js'
import { fnvOffset, fnvPrime, mixHash } from '../../transport/routes.js'
import { outgoingGrouping } from '../kit/dimensions.js'
import type { OperatorContext } from '../operator.js'

const maxPart = 65535

interface Known {
  readonly info: GroupInfo
  readonly ids: Pages<Int32Array>
}

/** The dimensions that all parents have in common if they group alike, else null (`*`). */
export function commonGrouping(node: PipelineNode): { dims: readonly string[] | null; byName: boolean } {
  const all = node.parents.map(outgoingGrouping)
  const byName = all.some((g) => g.byName)
  const dims = all[0]?.dims ?? []
  const alike = all.every((g) => g.dims !== '*' && g.dims.join('\n') === (dims as readonly string[]).join('\n'))
  return { dims: dims === '*' || !alike || node.parents.some(changesBatchTags) ? null : dims, byName }
}

/** On a batch edge a written tag may become a dimension, which the definitions do not tell. */
function changesBatchTags(node: PipelineNode): boolean {
  if (node.edge !== 'batch') return false
  return (node.def.effects?.(node).writesTags ?? []).length > 0 || node.parents.some(changesBatchTags)
}

export class OwnGroups {
  readonly grouping: Grouping
  private readonly known: Known[] = []
  private last: Known | null = null
  private key = new Uint8Array(256)
  private length = 0
  private ids = new Int32Array(256)

  constructor(
    private readonly ctx: OperatorContext,
    shape: { readonly dims: readonly string[] | null; readonly byName: boolean },
    /** Measurement name of all groups, when grouped by it; empty: the parents' own. */
    private readonly rename = '',
    /** The groups are by some of the parents' dimensions only. */
    private readonly projected = false,
  ) {
    this.grouping = ctx.grouping(shape)
  }

  /** The own group of a parent's group, made when new. -1: the budget refused. */
  of(info: GroupInfo, group: number): number {
    const known = this.last !== null && this.last.info === info ? this.last : this.knownOf(info)
    return this.map(known, group, this.ctx.now())
  }

  /** As `of` for every entry; -1 where the budget refused. Valid until the next call. */
  ofAll(info: GroupInfo, groups: Int32Array, n: number): Int32Array {
    if (this.ids.length < n) this.ids = new Int32Array(Math.max(n, 2 * this.ids.length))
    const known = this.last !== null && this.last.info === info ? this.last : this.knownOf(info)
    const now = this.ctx.now()
    const { ids, grouping } = this
    const { shift, mask, pages } = known.ids
    // Two passes: the loads of one do not wait for each other.
    for (let i = 0; i < n; i++) {
      const g = groups[i]
      const page = pages[g >> shift]
      const o = (g & mask) * 2
      // Beyond the end of a short first page this is undefined.
      const own = page === undefined ? 0 : page[o]
      ids[i] = own > 0 && grouping.touchIf(own - 1, page[o + 1], now) ? own - 1 : -1
    }
    for (let i = 0; i < n; i++) if (ids[i] < 0) ids[i] = this.map(known, groups[i], now)
    return ids
  }

  /** The own group, or -1 when there is none. */
  find(info: GroupInfo, group: number): number {
    this.encode(info, group)
    return this.grouping.find(this.key, this.length, this.hash())
  }

  /** A parent's group is deleted or evicted: its id may come again as another group. */
  forget(info: GroupInfo, group: number): void {
    const known = this.known.find((k) => k.info === info)
    if (known === undefined || !known.ids.has(group) || known.ids.get(group) === 0) return
    known.ids.set(group, 0)
    info.release?.(group)
  }

  dispose(): void {
    for (const k of this.known) k.ids.release()
    this.known.length = 0
    this.last = null
    this.grouping.dispose()
  }

  private map(known: Known, group: number, nowMs: number): number {
    const { ids, info } = known
    const { grouping } = this
    // Without room to remember it the group is looked up each time.
    if (!ids.ensure(group)) return this.lookup(info, group, nowMs)
    const own = ids.get(group, 0) - 1
    if (own >= 0 && grouping.touchIf(own, ids.get(group, 1), nowMs)) return own
    const g = this.lookup(info, group, nowMs)
    if (own < 0 && g >= 0) info.retain?.(group)
    if (own >= 0 && g < 0) info.release?.(group)
    ids.set(group, g + 1, 0)
    ids.set(group, g < 0 ? 0 : grouping.generation(g), 1)
    return g
  }

  private lookup(info: GroupInfo, group: number, nowMs: number): number {
    this.encode(info, group)
    return this.grouping.lookup(this.key, this.length, this.hash(), nowMs)
  }

  private knownOf(info: GroupInfo): Known {
    let known = this.known.find((k) => k.info === info)
    if (known === undefined) {
      known = { info, ids: this.ctx.state.i32(2) }
      this.known.push(known)
    }
    this.last = known
    return known
  }

  private encode(info: GroupInfo, group: number): void {
    this.length = 0
    const { dims, byName } = this.grouping
    if (this.rename === '' && !this.projected && info instanceof Grouping && info.byName === byName && dims !== null) {
      // The same shape: the key's bytes are the same.
      if (info.dims !== null && info.dims.join('\n') === dims.join('\n')) {
        const [page, offset, length] = info.keyBytes(group)
        this.reserve(length)
        for (let i = 0; i < length; i++) this.key[i] = page[offset + i]
        this.length = length
        return
      }
    }
    if (byName) this.add(this.rename === '' || !info.byName ? info.groupName(group) : this.rename)
    const names = info.tagNames(group)
    const values = info.tagValues(group)
    if (dims !== null) {
      for (const d of dims) this.add(values[names.indexOf(d)] ?? '')
      return
    }
    for (let i = 0; i < names.length; i++) {
      this.add(names[i])
      this.add(values[i])
    }
  }

  private add(text: string): void {
    const bytes = encodeUtf8(text)
    const length = Math.min(bytes.length, maxPart)
    this.reserve(2 + length)
    this.key[this.length] = length
    this.key[this.length + 1] = length >> 8
    this.key.set(bytes.subarray(0, length), this.length + 2)
    this.length += 2 + length
  }

  private reserve(more: number): void {
    const need = this.length + more
    if (need <= this.key.length) return
    const key = new Uint8Array(Math.max(need, 2 * this.key.length))
    key.set(this.key)
    this.key = key
  }

  private hash(): number {
    let h: number = fnvOffset
    for (let i = 0; i < this.length; i++) h = Math.imul(h ^ this.key[i], fnvPrime)
    return mixHash(h)
  }
}
