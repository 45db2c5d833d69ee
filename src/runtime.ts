/**
 * What runs tasks, without a store and without HTTP: the shards, topics with their handlers, and what nodes reach outside. The
 * server (server.ts) and programs that embed the engine (index.ts) put the same parts together. Thread: main.
 */
import { type EndpointSection, endpointOf } from './alert-handlers/http-endpoints.js'
import { checkSections, type HandlerParts } from './alert-handlers/registry.js'
import { AlertService } from './alerts/alert-service.js'
import { TopicService, type TopicStore } from './alerts/topics.js'
import type { Closing } from './closing.js'
import type { Config } from './config/config.js'
import { systemClock } from './engine/clock.js'
import { ShardlineEngine } from './engine/engine.js'
import { defaultDrainMs, type EngineOptions } from './engine/engine-options.js'
import type { RunFollower } from './engine/run-part.js'
import { InfluxClusters } from './influxdb/clusters.js'
import type { Log } from './log.js'
import { HttpClient } from './net/http-client.js'
import { AutoscaleClusters } from './sinks/autoscale/autoscale-clusters.js'
import { AutoscaleSink } from './sinks/autoscale/autoscale-sink.js'
import { HttpOutViews } from './sinks/http-out-views.js'
import { HttpPostSink, type HttpPostSinkOptions } from './sinks/http-post-sink.js'
import { InfluxDBSink } from './sinks/influxdb-sink.js'
import { LoopbackSink } from './sinks/loopback-sink.js'
import { SideloadSources } from './sinks/sideload-sources.js'
import { autoscales, httpOutPages, httpPosts, influxDBOuts, loopbacks, sideloads } from './sinks/sink-parts.js'

/** The part of the configuration that says what tasks can reach. */
export type RuntimeConfig = Pick<Config, 'services' | 'influxdb' | 'foreign' | 'alert' | 'requests'>

export interface RuntimeOptions {
  readonly engine: EngineOptions
  readonly config: RuntimeConfig
  /** null: states of alerts do not outlive the process. */
  readonly states: (TopicStore & { flush(): Promise<void> }) | null
  readonly log: Log
}

type Inner = Pick<Runtime, 'engine' | 'http' | 'topics' | 'alerts'>

export class Runtime {
  readonly views = new HttpOutViews()
  readonly sources: SideloadSources
  /** What follows runs of tasks. */
  readonly followers: readonly RunFollower[]
  /** What handlers are made with, but for a log. */
  readonly handlerParts: Omit<HandlerParts, 'log'>

  readonly engine: ShardlineEngine
  readonly http: HttpClient
  readonly topics: TopicService
  readonly alerts: AlertService

  private constructor({ engine, http, topics, alerts }: Inner, { config, log }: RuntimeOptions, closing: Closing) {
    this.engine = engine
    this.http = http
    this.topics = topics
    this.alerts = alerts
    const { services } = config
    const endpoints = (services.httppost ?? []) as readonly EndpointSection[]
    const endpoint = (name: string) => endpointOf(endpoints, name)
    const posts = new HttpPostSink({ endpoint, http, log, ...postLimits(config) })
    this.sources = new SideloadSources({ endpoint, http })
    closing.add('httppost', () => posts.close())
    this.handlerParts = { services, http, vars: new Map(), collect: (...event) => topics.collect(...event) }
    const clusters = new InfluxClusters(config.influxdb, http)
    const influx = new InfluxDBSink({ cluster: (name) => clusters.client(name), log })
    closing.add('influxdb_out', () => influx.close())
    const loopback = new LoopbackSink({ engine, log })
    closing.add('loopback', () => loopback.close())
    const scaled = new AutoscaleClusters(config.foreign, http)
    const autoscale = new AutoscaleSink({ cluster: (method, id) => scaled.cluster(method, id) })
    closing.add('autoscale', () => autoscale.close())
    this.followers = [
      alerts,
      httpOutPages(this.views),
      httpPosts(posts),
      loopbacks(loopback),
      influxDBOuts(influx),
      autoscales(autoscale),
      sideloads(this.sources),
    ]
  }

  /** What is open is in `closing`, also when this throws. */
  static async open(options: RuntimeOptions, closing: Closing): Promise<Runtime> {
    const { config, states } = options
    checkSections(config.services)
    const engine = await ShardlineEngine.start(options.engine)
    closing.add('engine', () => engine.close(options.engine.drainMs ?? defaultDrainMs))
    const http = new HttpClient()
    closing.add('http_client', () => http.close())
    if (states !== null) closing.add('topics', () => states.flush())
    const log = options.log.with({ service: 'alert' })
    const topics = new TopicService(states, log, { queueCapacity: config.alert['topic-buffer-length'] })
    const alerts = new AlertService({ topics, services: config.services, http, log, clock: systemClock })
    alerts.attach(engine)
    closing.add('alert', () => alerts.close())
    return new Runtime({ engine, http, topics, alerts }, options, closing)
  }

  /** Reads again what comes from files: certificates and sideload sources. */
  async reload(): Promise<void> {
    this.http.reload()
    await this.sources.reload()
  }
}

function postLimits({ requests }: RuntimeConfig): Pick<HttpPostSinkOptions, 'deadlineMs' | 'limits'> {
  return {
    deadlineMs: requests.timeout,
    limits: {
      requests: requests['max-requests'],
      requestsPerTask: requests['max-per-task'],
      requestsPerHost: requests['max-per-host'],
      queuedBytes: requests['queued-bytes'],
    },
  }
}
