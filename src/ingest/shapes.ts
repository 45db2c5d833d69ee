/**
 * Key sequences that lines of a table have shown, as a tree: a path of tag keys, then a path of field keys. Thread: main.
 *
 * A line of a known shape costs one comparison of words per key; that its tags are free of duplicates, in which order they
 * sort and which columns they fill was found out when the node was made. Keys that need escapes, quotes or blanks never
 * get a node: such lines take the slow path.
 */
import { decodeUtf8 } from '../columns/column.js'
import { compareBytes } from '../transport/routes.js'

const maxSiblings = 32
const maxKeyBytes = 256

export class ShapeNode {
  /** Next key of a tag, if this is the root or a tag; next key of a field. Most recently used first. */
  tagChild: ShapeNode | null = null
  fieldChild: ShapeNode | null = null
  next: ShapeNode | null = null
  /** Bytes of the key and its '='. */
  readonly length: number
  /** The same bytes as little-endian words, the last one cut by `mask`. */
  readonly words: Int32Array
  readonly mask: number
  /** Column of the schema or -1. */
  column = -1
  /** Tags of the path in the order of their keys, with their positions in the line; made by `sortedTags`. */
  private sorted: readonly ShapeNode[] | null = null
  private name: string | null = null
  /** Position among the tags of the path. */
  readonly ordinal: number

  constructor(
    readonly parent: ShapeNode | null,
    /** Key without '='. */
    readonly key: Uint8Array,
    readonly isTag: boolean,
  ) {
    this.length = key.length + 1
    this.ordinal = parent === null ? -1 : parent.ordinal + 1
    const n = (this.length + 3) >> 2
    const padded = new Uint8Array(4 * n)
    padded.set(key)
    padded[key.length] = 61
    const view = new DataView(padded.buffer)
    this.words = Int32Array.from({ length: n }, (_, i) => view.getInt32(4 * i, true))
    const rest = this.length & 3
    this.mask = rest === 0 ? -1 : (1 << (8 * rest)) - 1
  }

  isNamed(names: readonly string[]): boolean {
    this.name ??= decodeUtf8(this.key, 0, this.key.length)
    return names.includes(this.name)
  }

  /** The tags of the path that ends here, sorted by key. */
  sortedTags(): readonly ShapeNode[] {
    if (this.sorted === null) {
      const tags: ShapeNode[] = []
      for (let n: ShapeNode | null = this; n !== null && n.parent !== null; n = n.parent) tags.push(n)
      this.sorted = tags.sort((a, b) => compareBytes(a.key, b.key))
    }
    return this.sorted
  }
}

/** Whether the key of `node` and '=' stand at `p`. At least `node.words.length * 4` bytes must be readable there. */
export function matchesKey(node: ShapeNode, view: DataView, p: number): boolean {
  const words = node.words
  const last = words.length - 1
  for (let i = 0; i < last; i++) if (view.getInt32(p + 4 * i, true) !== words[i]) return false
  return ((view.getInt32(p + 4 * last, true) ^ words[last]) & node.mask) === 0
}

/** The columns that a table's keys are written to; none unless `matched`. */
export interface KeyColumns {
  readonly matched: boolean
  readonly tagColumns: ReadonlyMap<string, number>
  readonly fieldColumns: ReadonlyMap<string, number>
}

/** Finds and learns shapes in the bytes opened last. */
export class ShapeFinder {
  bytes: Uint8Array = new Uint8Array(0)
  view: DataView = new DataView(new ArrayBuffer(0))

  /** `charge`: whether there is room for one more node. */
  constructor(private readonly charge: () => boolean) {}

  open(bytes: Uint8Array): void {
    if (bytes === this.bytes) return
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /**
   * The child of `node` for the key at `p`, other than its first one, moved to the front, or a new one. null: the key is not
   * clean, a duplicate, or nothing may be learned any more; the line then takes the slow path.
   */
  find(table: KeyColumns, node: ShapeNode, isTag: boolean, p: number): ShapeNode | null {
    const { bytes, view } = this
    const first = isTag ? node.tagChild : node.fieldChild
    let siblings = 0
    for (let before = first; before !== null; before = before.next) {
      const child: ShapeNode | null = before.next
      siblings++
      if (child === null || p + 4 * child.words.length > bytes.length || !matchesKey(child, view, p)) continue
      before.next = child.next
      child.next = first
      if (isTag) node.tagChild = child
      else node.fieldChild = child
      return child
    }
    if (siblings >= maxSiblings) return null
    let end = p
    for (;;) {
      const c = bytes[end]
      // Blanks, control bytes, '"', ',' and '\' need the exact rules.
      if (c === undefined || c <= 32 || c === 34 || c === 44 || c === 92) return null
      if (c === 61) break
      end++
    }
    if (end === p || end - p > maxKeyBytes) return null
    const key = bytes.slice(p, end)
    if (isTag) {
      for (let n: ShapeNode = node; n.parent !== null; n = n.parent) if (compareBytes(n.key, key) === 0) return null
    }
    if (!this.charge()) return null
    const child = new ShapeNode(node, new Uint8Array(key), isTag)
    if (table.matched) {
      const columns = isTag ? table.tagColumns : table.fieldColumns
      child.column = columns.get(decodeUtf8(key, 0, key.length)) ?? -1
    }
    child.next = first
    if (isTag) node.tagChild = child
    else node.fieldChild = child
    return child
  }
}
