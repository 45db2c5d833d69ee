/**
 * The handlers that the API defines on topics: checked, attached to their topics, stored (spec alerts 11). Thread: main.
 *
 * A spec that cannot be attached at the start of the server (the configuration has changed) stays listed and is logged. Publish
 * and aggregate handlers may not lead back to their own topic: what would make a circle is refused.
 */
import type { AlertHandler } from '../alert-handlers/handler.js'
import { createSpecHandler, type HandlerParts, specTargets } from '../alert-handlers/registry.js'
import { compareBytewise } from '../columns/json-encode.js'
import { errorText, ShardlineError } from '../errors.js'
import type { Log } from '../log.js'
import { checkHandlerSpec, type HandlerSpec, type HandlerSpecStore } from './handler-spec.js'
import { compileMatch, type Match } from './match.js'
import type { TopicService } from './topics.js'

export interface HandlerSpecParts {
  readonly topics: TopicService
  readonly handlers: Omit<HandlerParts, 'log'>
  readonly store: HandlerSpecStore
  readonly log: Log
}

interface Entry {
  readonly spec: HandlerSpec
  /** Topics that its events go on to. */
  readonly targets: readonly string[]
}

/** What a spec is made of when it can run. */
interface Built {
  readonly handler: AlertHandler
  readonly match: Match | null
}

/** Keeps them apart from the handlers of tasks on the same topic. */
const attachedId = (id: string): string => `spec:${id}`

export class HandlerSpecService {
  /** By topic, then by id. */
  private readonly specs = new Map<string, Map<string, Entry>>()

  constructor(private readonly parts: HandlerSpecParts) {}

  /** Attaches what is stored. */
  open(): void {
    for (const spec of this.parts.store.load()) {
      try {
        this.set(spec)
        this.attach(spec, this.build(spec))
      } catch (err) {
        const keys = { topic: spec.topic, handler: spec.id, err: errorText(err) }
        this.parts.log.error('stored handler cannot be used', keys)
      }
    }
  }

  /** Sorted by id. */
  list(topic: string): HandlerSpec[] {
    const found = [...(this.specs.get(topic)?.values() ?? [])].map((e) => e.spec)
    return found.sort((a, b) => compareBytewise(a.id, b.id))
  }

  get(topic: string, id: string): HandlerSpec | undefined {
    return this.specs.get(topic)?.get(id)?.spec
  }

  /** Throws 400 for a bad spec, 500 for what cannot run. */
  async create(spec: HandlerSpec): Promise<void> {
    checkHandlerSpec(spec)
    await failing('failed to create handler', async () => {
      if (this.get(spec.topic, spec.id) !== undefined) {
        const text = `cannot register handler, handler with ID ${JSON.stringify(spec.id)} already exists`
        throw new ShardlineError('handler-exists', text)
      }
      this.attach(spec, this.build(spec))
      this.set(spec)
      try {
        await this.parts.store.put(spec)
      } catch (err) {
        this.unset(spec)
        this.detach(spec)
        throw err
      }
    })
  }

  /** The new spec may have another id. Events go to the old handler or to the new one, none is left out. */
  async replace(old: HandlerSpec, spec: HandlerSpec): Promise<void> {
    checkHandlerSpec(spec)
    if (spec.topic !== old.topic) throw new ShardlineError('bad-handler-spec', 'cannot change topic in update')
    await failing('failed to update handler', async () => {
      if (spec.id !== old.id && this.get(spec.topic, spec.id) !== undefined) {
        throw new ShardlineError('handler-exists', 'handler spec already exists')
      }
      const built = this.build(spec, old)
      this.unset(old)
      this.detach(old)
      this.attach(spec, built)
      this.set(spec)
      await this.parts.store.put(spec, old)
    })
  }

  async delete(spec: HandlerSpec): Promise<void> {
    this.unset(spec)
    this.detach(spec)
    await this.parts.store.delete(spec)
  }

  private set(spec: HandlerSpec): void {
    const ofTopic = this.specs.get(spec.topic) ?? new Map<string, Entry>()
    ofTopic.set(spec.id, { spec, targets: targetsOf(spec) })
    this.specs.set(spec.topic, ofTopic)
  }

  private unset(spec: HandlerSpec): void {
    const ofTopic = this.specs.get(spec.topic)
    ofTopic?.delete(spec.id)
    if (ofTopic?.size === 0) this.specs.delete(spec.topic)
  }

  private attach(spec: HandlerSpec, { handler, match }: Built): void {
    this.parts.topics.addHandler(spec.topic, attachedId(spec.id), handler, match, true)
  }

  /** Its queue is drained in the background, for a bounded time. */
  private detach(spec: HandlerSpec): void {
    this.parts.topics.removeHandler(spec.topic, attachedId(spec.id)).catch((err: unknown) => {
      this.parts.log.error('failed to close a handler', { topic: spec.topic, handler: spec.id, err: errorText(err) })
    })
  }

  private build(spec: HandlerSpec, replaced?: HandlerSpec): Built {
    const { topic, id, kind, options } = spec
    this.checkCircle(spec, replaced)
    const match = spec.match === '' ? null : compileMatch(spec.match)
    const log = this.parts.log.with({ topic, handler: id })
    return { handler: createSpecHandler(kind, options, { ...this.parts.handlers, log }), match }
  }

  private checkCircle(spec: HandlerSpec, replaced: HandlerSpec | undefined): void {
    const reached = new Map<string, string>()
    const waiting: [string, string][] = specTargets(spec.kind, spec.options).map((t) => [t, spec.topic])
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [topic, from] = next
      if (reached.has(topic)) continue
      reached.set(topic, from)
      if (topic === spec.topic) throw circle(topic, reached)
      for (const entry of this.specs.get(topic)?.values() ?? []) {
        if (entry.spec !== replaced) for (const t of entry.targets) waiting.push([t, topic])
      }
    }
  }
}

function circle(topic: string, reached: ReadonlyMap<string, string>): ShardlineError {
  const path = [topic]
  do path.unshift(reached.get(path[0])!)
  while (path[0] !== topic)
  return new ShardlineError('handler-circle', `events would go round in circles: ${path.join(' -> ')}`)
}

/** Of a spec that may be one that cannot be used any more: that hands nothing on. */
function targetsOf({ kind, options }: HandlerSpec): readonly string[] {
  try {
    return specTargets(kind, options)
  } catch {
    return []
  }
}

async function failing(what: string, operation: () => Promise<void>): Promise<void> {
  try {
    await operation()
  } catch (err) {
    throw new ShardlineError(err instanceof ShardlineError ? err.code : 'handler', `${what}: ${errorText(err)}`, 500)
  }
}
