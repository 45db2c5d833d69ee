/** The terminal view of the demo: redrawn in place on a terminal, one line a second elsewhere. */
import type { Sample } from './server.js'

export interface ViewOptions {
  readonly rate: number
  readonly groups: number
  readonly noisy: number
  readonly seconds: number
  readonly url: string
  readonly directory: string
}

const alertLines = 8
const barWidth = 24
const count = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const mib = (bytes: number): string => `${(bytes / 1048576).toFixed(1)} MiB`

export class View {
  private last: Sample | null = null
  private lastLineMs = 0
  private alerts: string[] = []
  private alertCount = 0
  private drawn = 0
  private peakRss = 0

  constructor(private readonly options: ViewOptions) {}

  draw(s: Sample, sent: number, leftMs: number): void {
    this.take(s)
    const rate = this.last === null ? 0 : ((s.processed - this.last.processed) * 1000) / (s.atMs - this.last.atMs)
    this.last = s
    if (!process.stdout.isTTY) {
      if (s.atMs - this.lastLineMs < 1000) return
      this.lastLineMs = s.atMs
      process.stdout.write(`${this.line(s, rate)}\n`)
      return
    }
    const lines = this.screen(s, rate, sent, leftMs)
    const up = this.drawn > 0 ? `\x1b[${this.drawn}A` : ''
    process.stdout.write(up + lines.map((l) => `\x1b[2K${l}\n`).join(''))
    this.drawn = lines.length
  }

  finish(s: Sample, sent: number): void {
    this.take(s)
    const dropped = total(s.dropped)
    process.stdout.write(
      `\nsent ${count.format(sent)} points, accepted ${count.format(s.accepted)}, processed ${count.format(s.processed)}, ` +
        `dropped ${count.format(dropped)}, shed ${count.format(s.shed)} datagrams; ${this.alertCount} alerts; ` +
        `peak RSS ${mib(this.peakRss)}\n`,
    )
  }

  private take(s: Sample): void {
    this.alertCount += s.alerts.length
    this.alerts = [...this.alerts, ...s.alerts].slice(-alertLines)
    this.peakRss = Math.max(this.peakRss, s.rssBytes)
  }

  private line(s: Sample, rate: number): string {
    const bytes = s.shards.map((x) => mib(x.stateBytes)).join(' ')
    return (
      `${count.format(rate)} points/s  ${count.format(s.groups)} groups  state ${bytes}  RSS ${mib(s.rssBytes)}  ` +
      `dropped ${count.format(total(s.dropped))}  alerts ${this.alertCount}`
    )
  }

  private screen(s: Sample, rate: number, sent: number, leftMs: number): string[] {
    const { options } = this
    const width = process.stdout.columns ?? 100
    const lines = [
      `Shardline demo: ${count.format(options.rate)} points/s over UDP, ${count.format(options.groups)} groups, ` +
        `${options.noisy} of them noisy. ${Math.max(0, Math.ceil(leftMs / 1000))} s left, Ctrl-C stops.`,
      `Try meanwhile:  KAPACITOR_URL=${options.url} npx shardline show top_traffic`,
      '',
      `points/s   ${count.format(rate).padStart(12)}      sent      ${count.format(sent).padStart(14)}`,
      `groups     ${count.format(s.groups).padStart(12)}      processed ${count.format(s.processed).padStart(14)}`,
      `RSS        ${mib(s.rssBytes).padStart(12)}      dropped   ${count.format(total(s.dropped)).padStart(14)}  shed ${count.format(s.shed)} datagrams`,
      '',
    ]
    for (const x of s.shards) {
      const share = x.budgetBytes > 0 ? x.stateBytes / x.budgetBytes : 0
      const full = Math.min(barWidth, Math.round(share * barWidth))
      lines.push(
        `shard ${x.shard}  [${'#'.repeat(full)}${'.'.repeat(barWidth - full)}] ${mib(x.stateBytes)} of ${mib(x.budgetBytes)}, ` +
          `${x.ringEntries} batches waiting`,
      )
    }
    lines.push('', `alerts (${this.alertCount})`)
    for (let i = 0; i < alertLines; i++) lines.push(`  ${this.alerts[i] ?? ''}`)
    return lines.map((l) => l.slice(0, width - 1))
  }
}

function total(dropped: Readonly<Record<string, number>>): number {
  // `filtered` rows were processed: a filter took them out.
  return Object.entries(dropped).reduce((sum, [reason, n]) => (reason === 'filtered' ? sum : sum + n), 0)
}
