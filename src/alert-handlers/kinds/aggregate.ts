/**
 * Collects events and hands them on to another topic as one event per interval of the wall clock. What waits at the stop is
 * lost, as in the original. The event says how many there were; it shows the messages and series of the first ones only, as
 * far as they fit into a bounded memory. Thread: any; deliveries on main.
 */

import { spanOf } from '../../columns/time.js'
import { errorText, ShardlineError } from '../../errors.js'
import { compileTextTemplate, goStruct } from '../../templates/index.js'
import type { Delivery } from '../delivery.js'
import { type AlertEvent, eventJsonHead } from '../event-frame.js'
import { type EventRows, joinRows, noRows } from '../event-rows.js'
import { defineHandler, queueCapacity } from '../handler.js'
import { duration, text } from '../handler-option.js'

const defaultMessage = 'Received {{ .Count }} events in the last {{.Interval}}.'
/** Of messages and series that an interval may hold, in characters. */
const maxHeldLength = 4 << 20
/** Longest delay that a timer takes. */
const maxTimerMs = 2 ** 31 - 1

/** The events of one interval. */
class Pending {
  count = 0
  level = 0
  timeNs = 0n
  durationNs = 0n
  hops = 0
  readonly messages: string[] = []
  readonly rows: EventRows[] = []
  private held = 0

  add({ event, hops }: Delivery): void {
    const first = this.count++ === 0
    this.level = Math.max(this.level, event.level)
    if (first || event.timeNs > this.timeNs) this.timeNs = event.timeNs
    if (first || event.durationNs > this.durationNs) this.durationNs = event.durationNs
    this.hops = Math.max(this.hops, hops)
    this.held += event.message.length + event.rows.json.length
    if (this.held > maxHeldLength) return
    this.messages.push(event.message)
    this.rows.push(event.rows)
  }
}

export const aggregate = defineHandler({
  kind: 'aggregate',
  doc: 'Collects events and hands them on to another topic as one event per interval.',
  script: null,
  goType: '*alert.AggregateHandlerConfig',
  options: {
    id: text('Id of the events that it makes.'),
    interval: duration('How long events are collected.'),
    topic: text('Where the events that it makes go.'),
    message: text(`Template of their message, over Count and Interval. Default: \`${defaultMessage}\``),
  },
  check({ interval, topic }) {
    if (interval.ns <= 0n) {
      throw new ShardlineError('bad-handler', 'aggregate handler needs an interval greater than zero')
    }
    if (topic === '') throw new ShardlineError('bad-handler', 'aggregate handler needs a topic')
  },
  targets: ({ topic }) => [topic],
  create({ id, interval, topic, message }, env) {
    const template = compileTextTemplate('message', message || defaultMessage)
    let pending = new Pending()

    const emit = (): void => {
      if (pending.count === 0) return
      const done = pending
      pending = new Pending()
      try {
        const text = template.execute(goStruct('alert.aggregate', { Count: BigInt(done.count), Interval: interval }))
        env.collect(topic, eventOf(id, text, done), done.hops + 1)
      } catch (err) {
        env.log.error('failed to aggregate events', { topic, err: errorText(err) })
      }
    }
    const timer = setInterval(emit, Math.min(maxTimerMs, Math.max(1, Number(interval.ns) / 1e6)))
    timer.unref()
    return {
      isInternal: true,
      maxBatch: queueCapacity,
      async deliver(batch) {
        for (const d of batch) pending.add(d)
      },
      close: () => clearInterval(timer),
    }
  },
})

function eventOf(id: string, message: string, done: Pending): AlertEvent {
  const { level, timeNs, durationNs } = done
  const details = done.messages.join('\n')
  const { ms, sub } = spanOf(timeNs)
  return {
    taskId: '',
    level,
    timeNs,
    durationNs,
    id,
    message,
    details,
    name: '',
    group: '',
    category: '',
    recoverable: false,
    tags: new Map(),
    jsonHead: eventJsonHead({ id, message, details, ms, sub, durationNs, level }),
    rows: joinRows(done.rows),
    fields: noRows,
  }
}
