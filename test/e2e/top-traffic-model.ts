/**
 * What the top-traffic scripts must do, row by row and without any cleverness: an aligned sliding window over kept points
 * (spec nodes 4.6), a sum, and the alert state machine (spec alerts 3 to 5).
 */
export interface ModelPoint {
  readonly group: string
  readonly second: number
  readonly count: number
}

export interface ModelEvent {
  readonly group: string
  readonly second: number
  readonly level: string
  readonly total: number
}

const levels = ['OK', 'INFO', 'WARNING', 'CRITICAL']
const historySize = 21

class Group {
  points: ModelPoint[] = []
  nextEmit = -1
}

class AlertModel {
  private history = new Array<number>(historySize).fill(0)
  private index = 0
  private flapping = false
  private lastTriggered = Number.NEGATIVE_INFINITY

  constructor(private readonly noRecoveries: boolean) {}

  /** The level to emit, or null. */
  next(second: number, total: number): number | null {
    const level = total > 22500 ? 3 : total > 17500 ? 2 : 0
    const changed = this.history[this.index] !== level
    this.index = (this.index + 1) % historySize
    this.history[this.index] = level
    const p = this.percentChange()
    if (this.flapping && p < 0.25) this.flapping = false
    else if (!this.flapping && p > 0.5) this.flapping = true
    const expired = !changed && second - this.lastTriggered >= 300
    if (this.flapping || (!changed && !expired)) return null
    if (level === 0 && !changed) return null
    this.lastTriggered = second
    return this.noRecoveries && level === 0 ? null : level
  }

  private percentChange(): number {
    const step = (1.2 / 1.5 - 1.2) / -(historySize - 1)
    let weight = 0.8
    let changes = 0
    for (let i = 0; i < historySize - 1; i++) {
      const c = (this.index + i) % historySize
      const p = (c + historySize - 1) % historySize
      if (this.history[c] !== this.history[p]) changes += weight
      weight += step
    }
    return changes / (historySize - 1)
  }
}

/** Events per group in order. */
export function expectedEvents(points: readonly ModelPoint[], noRecoveries: boolean): Map<string, ModelEvent[]> {
  const groups = new Map<string, Group>()
  const alerts = new Map<string, AlertModel>()
  const out = new Map<string, ModelEvent[]>()
  for (const p of points) {
    let g = groups.get(p.group)
    if (g === undefined) {
      g = new Group()
      g.nextEmit = Math.floor((p.second + 5) / 5) * 5
      groups.set(p.group, g)
      alerts.set(p.group, new AlertModel(noRecoveries))
    }
    if (p.second >= g.nextEmit) {
      const from = g.nextEmit - 60
      g.points = g.points.filter((q) => q.second >= from)
      const total = g.points.reduce((sum, q) => sum + q.count, 0)
      const level = alerts.get(p.group)!.next(g.nextEmit, total)
      if (level !== null) {
        const events = out.get(p.group) ?? []
        events.push({ group: p.group, second: g.nextEmit, level: levels[level], total })
        out.set(p.group, events)
      }
      g.nextEmit = Math.floor((p.second + 5) / 5) * 5
    }
    g.points.push(p)
  }
  return out
}
