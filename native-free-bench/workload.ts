/**
 * Line protocol for the benchmarks: the top-traffic points of a busy ingress (groups are (ip, id) pairs) and a Telegraf-like
 * cpu line. Deterministic for a seed.
 */
export function random(seed: number): () => number {
  let s = seed >>> 0
  return () => {
    s = (s + 0x6d2b79f5) | 0
    let t = Math.imul(s ^ (s >>> 15), 1 | s)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const roles = ['ingress', 'edge', 'internal']
const startSeconds = 1_611_111_060

export interface Workload {
  readonly bodies: Uint8Array[]
  readonly points: number
  readonly bytes: number
}

export interface WorkloadOptions {
  readonly points: number
  readonly groups: number
  /** Points per second of data time. */
  readonly rate: number
  readonly linesPerBody?: number
  readonly seed?: number
}

/** combined,id=…,ip=…,role=…,uri=… count=1 <ns>: every group is touched once, then at random. */
export function topTraffic(options: WorkloadOptions): Workload {
  const { groups } = options
  const rnd = random(options.seed ?? 1)
  const ids = Math.max(1, Math.round(groups * 0.27))
  const key = (g: number): string => {
    const id = 100_000_000 + ((Math.imul(g % ids, 2_654_435_761) >>> 0) % 900_000_000)
    const h = Math.imul(g + 7, 2_246_822_519) >>> 0
    const ip = `${((h >>> 24) % 223) + 1}.${(h >>> 16) & 255}.${(h >>> 8) & 255}.${h & 255}`
    return `combined,id=${id},ip=${ip},role=${roles[g % 3]},uri=/path/to/some/product-${g % 500} count=1 `
  }
  return build(options, (i) => key(i < groups ? i : Math.floor(rnd() * groups)))
}

/** cpu,cpu=…,host=… with ten float fields. */
export function cpuUsage(options: WorkloadOptions): Workload {
  const rnd = random(options.seed ?? 1)
  const { groups } = options
  return build(options, (i) => {
    const g = i < groups ? i : Math.floor(rnd() * groups)
    const p = (scale: number, digits: number): string => (rnd() * scale).toFixed(digits)
    return (
      `cpu,cpu=cpu${g % 64},host=host${Math.floor(g / 64)} usage_user=${p(100, 4)},usage_system=${p(20, 4)},` +
      `usage_idle=${p(100, 4)},usage_nice=0,usage_iowait=${p(1, 6)},usage_irq=0,usage_softirq=${p(1, 6)},` +
      'usage_steal=0,usage_guest=0,usage_guest_nice=0 '
    )
  })
}

function build(options: WorkloadOptions, prefix: (i: number) => string): Workload {
  const linesPerBody = options.linesPerBody ?? 5000
  const bodies: Uint8Array[] = []
  const encoder = new TextEncoder()
  let bytes = 0
  let lines: string[] = []
  for (let i = 0; i < options.points; i++) {
    const offsetNs = Math.floor((i * 1e9) / options.rate)
    const seconds = startSeconds + Math.floor(offsetNs / 1e9)
    lines.push(`${prefix(i)}${seconds}${String(offsetNs % 1e9).padStart(9, '0')}`)
    if (lines.length === linesPerBody || i === options.points - 1) {
      const body = encoder.encode(`${lines.join('\n')}\n`)
      bodies.push(body)
      bytes += body.length
      lines = []
    }
  }
  return { bodies, points: options.points, bytes }
}
