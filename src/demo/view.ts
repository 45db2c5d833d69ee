/** The terminal view of the demo: redrawn in place on a terminal, one line a second elsewhere. */
import type { Sample } from './server.js'

export interface ViewOptions {
  readonly rate: number
  readonly groups: number
  readonly noisy: number
  readonly seconds: number
  readonly url: string
}

const maxAlertLines = 8
const maxShardLines = 8
const barWidth = 24
/** The rate shown is the one of this time. */
const rateMs = 2000
const count = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const mib = (bytes: number): string => `${(bytes / 1048576).toFixed(1)} MiB`

export class View {
  private readonly startMs = Date.now()
  private readonly recent: { atMs: number; processed: number }[] = []
  private lastLineMs = 0
  private alerts: string[] = []
  private alertCount = 0
  private drawn = 0
  private peakRss = 0

  constructor(private readonly options: ViewOptions) {}

  draw(s: Sample, sent: number, leftMs: number): void {
    this.take(s)
    const rate = this.rate(s)
    if (!process.stdout.isTTY) {
      if (s.atMs - this.lastLineMs < 1000) return
      this.lastLineMs = s.atMs
      process.stdout.write(`${this.line(s, rate)}\n`)
      return
    }
    const left = `${Math.max(0, Math.ceil(leftMs / 1000))} s left, Ctrl-C ends it`
    this.redraw(this.screen(s, rate, sent, left))
  }

  /** The last state stays on the screen, with a line of sums below. */
  finish(s: Sample, sent: number): void {
    this.take(s)
    if (process.stdout.isTTY) this.redraw(this.screen(s, this.rate(s), sent, 'ended'))
    process.stdout.write(
      `\n  sent ${count.format(sent)} = accepted ${count.format(s.accepted)} + lost ${count.format(sent - s.accepted)}\n` +
        `  accepted ${count.format(s.accepted)} = processed ${count.format(s.processed)} + dropped ${count.format(total(s.dropped))}\n` +
        `  ${this.alertCount} alerts, peak RSS ${mib(this.peakRss)}\n`,
    )
  }

  private take(s: Sample): void {
    const at = `${Math.round((s.atMs - this.startMs) / 1000)} s`.padStart(6)
    this.alertCount += s.alerts.length
    this.alerts = [...this.alerts, ...s.alerts.map((a) => `${at}  ${a}`)].slice(-maxAlertLines)
    this.peakRss = Math.max(this.peakRss, s.rssBytes)
  }

  private rate(s: Sample): number {
    const { recent } = this
    while (recent.length > 1 && recent[1].atMs <= s.atMs - rateMs) recent.shift()
    const from = recent[0]
    recent.push({ atMs: s.atMs, processed: s.processed })
    return from === undefined ? 0 : ((s.processed - from.processed) * 1000) / Math.max(1, s.atMs - from.atMs)
  }

  private line(s: Sample, rate: number): string {
    const bytes = s.shards.map((x) => mib(x.stateBytes)).join(' ')
    return (
      `${count.format(rate)} points/s  ${count.format(s.groups)} groups  state ${bytes}  RSS ${mib(s.rssBytes)}  ` +
      `dropped ${count.format(total(s.dropped))}  alerts ${this.alertCount}`
    )
  }

  private redraw(lines: readonly string[]): void {
    const width = process.stdout.columns ?? 80
    const up = this.drawn > 0 ? `\x1b[${this.drawn}A` : ''
    process.stdout.write(up + lines.map((l) => `\x1b[2K${l.slice(0, width - 1)}\n`).join(''))
    this.drawn = lines.length
  }

  private screen(s: Sample, rate: number, sent: number, state: string): string[] {
    const { options } = this
    const pair = (a: string, av: string, b: string, bv: string): string =>
      `  ${a.padEnd(12)}${av.padStart(14)}      ${b.padEnd(12)}${bv.padStart(14)}`
    const head = [
      `Shardline demo: ${state}`,
      `${count.format(options.rate)} points/s over UDP in ${count.format(options.groups)} groups, ${options.noisy} of them noisy`,
      '',
      pair('points/s', count.format(rate), 'sent', count.format(sent)),
      pair('groups', count.format(s.groups), 'processed', count.format(s.processed)),
      pair('RSS', mib(s.rssBytes), 'dropped', count.format(total(s.dropped))),
      pair('evicted', `${count.format(s.evictedGroups)} groups`, 'shed', `${count.format(s.shed)} datagrams`),
      '',
    ]
    const foot = ['', '  While it runs, in another terminal:', `  npx shardline -url ${options.url} show top_traffic`]
    // A screen that is longer than the terminal could not be redrawn in place.
    const room = Math.max(3, (process.stdout.rows ?? 24) - head.length - foot.length - 3)
    const shards = shardLines(s, Math.min(maxShardLines, Math.ceil(room / 2)))
    const alertLines = Math.max(1, Math.min(maxAlertLines, room - shards.length))
    const shown = this.alerts.slice(-alertLines)
    const alerts = Array.from({ length: alertLines }, (_, i) => shown[i] ?? '')
    return [...head, ...shards, '', `  alerts: ${this.alertCount}`, ...alerts, ...foot]
  }
}

function shardLines(s: Sample, limit: number): string[] {
  const shown = s.shards.length > limit ? s.shards.slice(0, limit - 1) : s.shards
  const lines = shown.map((x) => {
    const share = x.budgetBytes > 0 ? x.stateBytes / x.budgetBytes : 0
    const full = Math.min(barWidth, Math.round(share * barWidth))
    const bar = `${'#'.repeat(full)}${'.'.repeat(barWidth - full)}`
    const state = `${(x.stateBytes / 1048576).toFixed(1).padStart(6)} of ${mib(x.budgetBytes)}`
    return `  shard ${String(x.shard).padStart(2)} [${bar}] ${state}, ${x.ringEntries} waiting`
  })
  const hidden = s.shards.length - shown.length
  return hidden > 0 ? [...lines, `  and ${hidden} more shards`] : lines
}

function total(dropped: Readonly<Record<string, number>>): number {
  // `filtered` rows were processed: a filter took them out.
  return Object.entries(dropped).reduce((sum, [reason, n]) => (reason === 'filtered' ? sum : sum + n), 0)
}
