/**
 * The routes of the running tasks. Tasks that want the same rows under the same partition share one route, so a row is hashed
 * once per distinct partition key. Thread: main.
 */
import { type Route, type Subscription, samePartition } from '../transport/routes.js'

interface Shared<T> {
  readonly route: Route
  readonly subscribers: Set<T>
}

interface Interest {
  readonly db: string
  readonly rp: string
  readonly measurements: readonly string[] | null
  readonly reads: readonly string[]
}

export class Routing<T> {
  private nextRoute = 1
  private readonly byId = new Map<number, Shared<T>>()
  private readonly interests = new Map<T, readonly Interest[]>()

  /** Adds a task's subscriptions; answers the routes that deliver to it. */
  add(task: T, subscriptions: readonly Subscription[]): Route[] {
    const routes = new Set<Route>()
    for (const s of subscriptions)
      for (const measurement of s.measurements ?? [null]) {
        const shared = this.find(s, measurement) ?? this.create(s, measurement)
        shared.subscribers.add(task)
        routes.add(shared.route)
      }
    this.interests.set(task, subscriptions)
    return [...routes]
  }

  remove(task: T): void {
    for (const [id, shared] of this.byId) {
      if (shared.subscribers.delete(task) && shared.subscribers.size === 0) this.byId.delete(id)
    }
    this.interests.delete(task)
  }

  /** Tasks that a route delivers to now; none when the route is gone. */
  subscribers(routeId: number): ReadonlySet<T> {
    return this.byId.get(routeId)?.subscribers ?? none
  }

  get size(): number {
    return this.byId.size
  }

  routes(): Route[] {
    return [...this.byId.values()].map((s) => s.route)
  }

  /** Names to encode as columns for the rows of a measurement. */
  reads(db: string, rp: string, measurement: string): string[] {
    const names = new Set<string>()
    for (const interests of this.interests.values())
      for (const i of interests) {
        if (i.db !== db || i.rp !== rp) continue
        if (i.measurements === null || i.measurements.includes(measurement)) for (const n of i.reads) names.add(n)
      }
    return [...names].sort()
  }

  private find(s: Subscription, measurement: string | null): Shared<T> | undefined {
    for (const shared of this.byId.values()) {
      const { route } = shared
      if (route.db === s.db && route.rp === s.rp && route.measurement === measurement)
        if (samePartition(route.partition, s.partition)) return shared
    }
    return undefined
  }

  private create(s: Subscription, measurement: string | null): Shared<T> {
    const route: Route = { id: this.nextRoute++, db: s.db, rp: s.rp, measurement, partition: s.partition }
    const shared: Shared<T> = { route, subscribers: new Set() }
    this.byId.set(route.id, shared)
    return shared
  }
}

const none: ReadonlySet<never> = new Set<never>()
