/**
 * What an alert handler is. A kind is one file in kinds/ and one line in registry.ts; all that has to do with it is made from its
 * definition: the method of TICKscript and its properties, the options of handler specs, the section of the configuration, the
 * deliveries, the test of the service, the page of the reference.
 *
 * Thread: any, and the command line, for definitions; deliveries are made on main alone. So what only a delivery
 * needs, a client library, is imported where it is made: `await import('…')`.
 */
import type { Options, Section, Values } from '../config/option.js'
import { ShardlineError } from '../errors.js'
import type { Log } from '../log.js'
import type { HttpClient } from '../net/http-client.js'
import type { TlsFiles } from '../net/tls-files.js'
import type { TemplateValue } from '../templates/index.js'
import type { Delivery } from './delivery.js'
import type { AlertEvent } from './event-frame.js'
import type { HandlerOptions, OptionValues } from './handler-option.js'

export interface HandlerDef<O extends HandlerOptions = HandlerOptions, S extends Options = Options> {
  /** In handler specs, logs and the reference: `slack`. */
  readonly kind: string
  readonly doc: string
  /** null: only handler specs have it. */
  readonly script: ScriptFace<O> | null
  /** Type of the options in the texts of errors: `*slack.HandlerConfig`. */
  readonly goType: string
  /** By the name that properties of scripts have. */
  readonly options: O
  readonly section?: HandlerSection<S>
  /** Specs may have options that the kind does not know. */
  readonly takesAnyOptions?: boolean
  /** Events do not go out yet: each one is an error, as with a service that is not enabled. */
  readonly isPending?: boolean
  /** Throws what a script or spec is refused for when it is defined. */
  define?(options: OptionValues<O>): void
  /** Throws what a task or spec is refused for when it starts, as far as the options alone tell. */
  check?(options: OptionValues<O>): void
  /** Throws whatever else keeps the task or spec from starting. */
  create(options: OptionValues<O>, env: HandlerEnv<Values<S>>): Deliverer
  /** Topics that events are handed on to. */
  targets?(options: OptionValues<O>): readonly string[]
  readonly test?: ServiceTest<Values<S>>
}

export interface ScriptFace<O extends HandlerOptions = HandlerOptions> {
  /** Names match with the first letter upper-cased (`uRL` is `URL`). */
  readonly method: string
  /** In the texts of errors: `SlackHandler` (printed `*pipeline.SlackHandler`). */
  readonly goType: string
  /** Stands before the texts of `check` and `create` where a script's handler cannot start. */
  readonly failure?: string
  /** Throws what scripts alone are refused for when they start, without these words. */
  check?(options: OptionValues<O>): void
}

export interface HandlerSection<S extends Options = Options> extends Section<S> {
  /** `slack`. */
  readonly name: string
  /** Throws what keeps the server from starting. */
  check?(sections: readonly Values<S>[]): void
  /** What it means for alert nodes that do not name the handler. */
  global?(sections: readonly Values<S>[]): GlobalHandler
}

export interface GlobalHandler {
  /** Every alert node without a handler of the kind gets one. */
  readonly isImplicit: boolean
  /** Every alert node sends changes of state only. */
  readonly stateChangesOnly: boolean
}

export interface HandlerEnv<C = unknown> {
  /** The sections of the configuration, as they stand now. */
  config(): readonly C[]
  readonly http: HttpClient
  readonly log: Log
  /** Of the task whose script has the handler, for templates. */
  readonly vars: ReadonlyMap<string, TemplateValue>
  /** Hands an event to a topic of this process. False: a handler there refused it. `hops`: topics that had it before. */
  collect(topic: string, event: AlertEvent, hops: number): boolean
}

/** Delivers events of one handler of one topic. */
export interface Deliverer {
  /**
   * Resolves when the events are out. Rejecting fails all of them; `fail` reports a single one. Must end soon after `signal`
   * aborts.
   */
  deliver(batch: readonly Delivery[], signal: AbortSignal, fail: FailDelivery): Promise<void>
  /** Most events given to one call, default 1. */
  readonly maxBatch?: number
  /** Longest time of one call, default 30 s. */
  readonly deadlineMs?: number
  close?(): void | Promise<void>
  /** Hands events on to topics of this process. */
  readonly isInternal?: boolean
}

export type FailDelivery = (delivery: Delivery, err: unknown) => void

/** A deliverer, ready for its queue. */
export interface AlertHandler extends Deliverer {
  readonly kind: string
  readonly maxBatch: number
  readonly deadlineMs: number
}

/** Events that may wait for one handler. */
export const queueCapacity = 5000

/** Longest time of one delivery where the script sets none; the original would wait for ever. */
export const defaultDeadlineMs = 30_000

/** `POST /service-tests/NAME`: whether the service of the configuration really takes what it is sent. */
export interface ServiceTest<C = unknown> {
  /** What may be given, and what stands for it otherwise. Members have the types of their defaults. */
  readonly options: Readonly<Record<string, unknown>>
  /** Rejects with what the caller is told. */
  run(options: Readonly<Record<string, unknown>>, env: HandlerEnv<C>): Promise<void>
}

/** Checks the definition against itself: `create` gets the types of the options and of the section. */
export function defineHandler<O extends HandlerOptions, S extends Options>(def: HandlerDef<O, S>): HandlerDef {
  return def as unknown as HandlerDef
}

/** One event per call. */
export function eventByEvent(
  deliver: (delivery: Delivery, signal: AbortSignal) => Promise<void>,
  deadlineMs = defaultDeadlineMs,
): Deliverer {
  return { deadlineMs, deliver: ([delivery], signal) => deliver(delivery, signal) }
}

/**
 * For kinds that are still without deliveries. A service that is not enabled takes handlers and fails their events, as in the
 * original; one that is enabled would lose them silently, so its tasks do not start.
 */
export function pending(kind: string, env: HandlerEnv<{ readonly enabled?: unknown }>): Deliverer {
  if (env.config().some((section) => section.enabled === true)) {
    throw new ShardlineError('not-supported', `alert handler ${JSON.stringify(kind)} is not supported yet`, 500)
  }
  return { deliver: () => Promise.reject(disabled()) }
}

export const disabled = (): ShardlineError => new ShardlineError('service-disabled', 'service is not enabled')

export interface EventPost {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly signal: AbortSignal
  readonly tls?: TlsFiles
}

/** One request of a handler: its deadline is that of the delivery. Of the answer, what a log line can use. */
export async function postEvent(http: HttpClient, post: EventPost): Promise<{ status: number; text: string }> {
  const headers = { 'User-Agent': 'Go-http-client/1.1', ...post.headers }
  const limits = { deadlineMs: 0, maxAnswerBytes: 64 * 1024, longAnswer: 'cut' } as const
  const { status, body } = await http.send({ ...post, method: 'POST', headers, ...limits })
  return { status, text: body.toString() }
}
