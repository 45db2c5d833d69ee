/**
 * Puts the parts of the server together, in the order they open, and takes them apart in reverse. Thread: main. HTTP opens
 * last, so nothing is answered before tasks run; at shutdown it closes first.
 */
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import type { AlertService } from './alerts/alert-service.js'
import { HandlerSpecService } from './alerts/handler-spec-service.js'
import { LmdbHandlerSpecStore } from './alerts/handler-spec-store.js'
import { LmdbTopicStore } from './alerts/topic-store.js'
import type { TopicService } from './alerts/topics.js'
import { addRecordings } from './api/recordings.js'
import { addReplays } from './api/replays.js'
import { addServiceTests } from './api/service-tests.js'
import { addSideload } from './api/sideload.js'
import { addSystem } from './api/system.js'
import { addTasks } from './api/tasks.js'
import { addTemplates } from './api/templates.js'
import { addTopics } from './api/topics.js'
import { addWrite } from './api/write.js'
import { Closing } from './closing.js'
import { Compiler, compileThreads } from './compile/compiler.js'
import { shardThread } from './compile/threads.js'
import type { Config, UdpConfig } from './config/config.js'
import { splitAddress } from './config/load.js'
import type { ShardlineEngine } from './engine/engine.js'
import { Api } from './http/api.js'
import { BodyGate } from './http/body-gate.js'
import type { HttpServer } from './http/http.js'
import { startHttpServer } from './http/http-server.js'
import type { Router } from './http/router.js'
import { readIdentity } from './identity.js'
import { UdpListener } from './ingest/udp-service.js'
import type { Log } from './log.js'
import { debugVars, type Identity } from './observe/debug-vars.js'
import type { LogOutput } from './observe/logger.js'
import { LoopDelay } from './observe/loop-delay.js'
import { Metrics } from './observe/metrics.js'
import { RecordingManager } from './recordings/recording-manager.js'
import { decodeRecording } from './recordings/recording-record.js'
import { ReplayManager } from './recordings/replay-manager.js'
import { decodeReplay } from './recordings/replay-record.js'
import { Runtime } from './runtime.js'
import { RecordDb } from './storage/record-db.js'
import { lockStore } from './storage/store-lock.js'
import { TaskManager } from './tasks/task-manager.js'
import { Store } from './tasks/task-store.js'
import { TemplateManager } from './tasks/template-manager.js'
import type { DeadmanDefaults } from './tickscript/deadman.js'
import { kapacitorVersion, shardlineVersion } from './version.js'

/** Of a stop, for what is neither requests nor points: handlers, outputs, the store. */
const outputsMs = 5000

/** `[storage] path`, or `shardline.lmdb` beside the original's store, or in the data directory. */
export function storePath(config: Config): string {
  const { path, boltdb } = config.storage
  if (path !== '') return path
  return join(boltdb === '' ? config.data_dir : dirname(boltdb), 'shardline.lmdb')
}

const topicDatabases = (store: Store) => ({ states: store.database('topics'), marks: store.database('cleared-topics') })

/** What the API shows and writes to, beside its resources. */
interface Shown {
  readonly engine: ShardlineEngine
  readonly tasks: TaskManager
  readonly topics: TopicService
  readonly alerts: AlertService
  readonly udp: readonly UdpListener[]
}

export class Server {
  private readonly closing: Closing
  private readonly reloads: (() => Promise<void>)[] = []
  private httpPort = 0

  private constructor(
    private readonly config: Config,
    private readonly logs: LogOutput,
    private readonly log: Log,
  ) {
    this.closing = new Closing(log)
  }

  get port(): number {
    return this.httpPort
  }

  /** Throws a ShardlineError when something cannot open; what was open is closed again. */
  static async start(config: Config, logs: LogOutput, log: Log): Promise<Server> {
    const server = new Server(config, logs, log)
    try {
      await server.open()
    } catch (err) {
      // What does not close either is in the log.
      await server.closing.close(stopMs(config)).catch(() => undefined)
      throw err
    }
    return server
  }

  /** Stops intake, lets accepted points through within the deadlines, closes everything. Throws when some part did not close. */
  async stop(): Promise<void> {
    await this.closing.close(stopMs(this.config))
    this.log.info('server shutdown completed', { service: 'run' })
  }

  /** Reads again what comes from files: certificates, sideload sources. Throws the first failure; the others are read. */
  async reload(): Promise<void> {
    let failure: unknown
    for (const reload of this.reloads) {
      try {
        await reload()
      } catch (err) {
        failure ??= err
      }
    }
    if (failure !== undefined) throw failure
  }

  private onClose(name: string, close: () => Promise<void> | void): void {
    this.closing.add(name, close)
  }

  private async open(): Promise<void> {
    const { config, log } = this
    const run = log.with({ service: 'run' })
    run.info('shardline starting', { version: shardlineVersion, compatible: kapacitorVersion })
    run.info('node version', { version: process.version })
    const srv = log.with({ source: 'srv' })
    srv.info('listing hostname', { hostname: config.hostname })
    const identity = { ...readIdentity(config.data_dir), hostname: config.hostname }
    srv.info('listing ClusterID and ServerID', { cluster_id: identity.clusterId, server_id: identity.serverId })

    const path = storePath(config)
    const lock = await lockStore(path)
    this.onClose('storage lock', () => lock.release())
    const store = Store.open(path)
    this.onClose('storage', () => store.close())
    const runtime = await this.openRuntime(store, identity)
    const { engine, topics, alerts, views, sources, handlerParts } = runtime
    this.reloads.push(() => runtime.reload())
    topics.restore((topic) => !topic.startsWith('main:'))
    const handlers = new HandlerSpecService({
      topics,
      handlers: handlerParts,
      store: new LmdbHandlerSpecStore(store.database('handler-specs'), log.with({ service: 'alert' })),
      log: log.with({ service: 'alert' }),
    })
    handlers.open()
    const compiler = new Compiler({
      ...compileThreads({ timeoutMs: config.task['script-timeout'], log: log.with({ service: 'task_store' }) }),
      deadman: deadmanOf(config),
    })
    this.onClose('compiler', () => compiler.close())
    const templates = new TemplateManager(store, compiler, log.with({ service: 'task_store' }))
    const tasks = new TaskManager({
      store,
      engine,
      compiler,
      templates,
      followers: runtime.followers,
      forgetTopics: (prefix) => topics.removeMatching(prefix),
      log: log.with({ service: 'task_store' }),
    })
    templates.attach(tasks)
    this.onClose('task_store', () => tasks.close())
    await tasks.open()

    const { recordings, replays } = await this.openReplays(store, engine, tasks, topics)
    const udp = await this.openUdp(engine)
    await this.openHttp(identity, { engine, tasks, topics, alerts, udp }, (router) => {
      addTasks(
        router,
        tasks,
        (task, endpoint) => views.read(task, endpoint),
        (replay) => replays.runOf(replay),
      )
      addTemplates(router, templates)
      addTopics(router, { topics, handlers })
      addRecordings(router, recordings)
      addReplays(router, replays, tasks)
      addSideload(router, sources)
      addServiceTests(router, { ...handlerParts, log: log.with({ service: 'alert' }) })
    })
  }

  private async openRuntime(store: Store, identity: Identity): Promise<Runtime> {
    const { config, log } = this
    const { engine: options } = config
    const states = config.alert['persist-topics']
      ? new LmdbTopicStore(topicDatabases(store), log.with({ service: 'alert' }))
      : null
    const runtime = await Runtime.open(
      {
        config,
        states,
        log,
        engine: {
          shardThread,
          shards: options.shards === 0 ? Math.max(1, availableParallelism() - 1) : options.shards,
          shardMemoryBytes: options['shard-memory'],
          slots: options.slots,
          slotBytes: options['slot-size'],
          ringEntries: options['ring-entries'],
          udpPolicy: options['udp-overload'],
          writeWaitMs: writeWaitMs(this.config),
          waitingBytes: options['waiting-bytes'],
          idleGroupMs: options['idle-ttl'],
          inspectPort: options['inspect-port'],
          closeAfterMs: options['close-after'],
          statePolicy: options['state-policy'],
          drainMs: options['drain-timeout'],
          server: { hostname: identity.hostname, clusterId: identity.clusterId, serverId: identity.serverId },
          log: this.log.with({ service: 'engine' }),
        },
      },
      this.closing,
    )
    this.log.info('opened task master', { source: 'srv', task_master: 'main', shards: runtime.engine.shards })
    return runtime
  }

  private async openReplays(
    store: Store,
    engine: ShardlineEngine,
    tasks: TaskManager,
    topics: TopicService,
  ): Promise<{ recordings: RecordingManager; replays: ReplayManager }> {
    const log = this.log.with({ service: 'replay' })
    const recordings = new RecordingManager({
      dir: this.config.replay.dir,
      db: new RecordDb(store.database('recordings'), decodeRecording),
      tasks,
      tap: engine.tap,
      log,
      limits: { idleMs: this.config.replay['idle-timeout'] },
    })
    await recordings.open()
    this.onClose('recordings', () => recordings.close())
    const replays = new ReplayManager({
      db: new RecordDb(store.database('replays'), decodeReplay),
      recordings,
      tasks,
      engine,
      forgetTopics: (prefix) => topics.removeMatching(prefix),
      log,
    })
    await replays.open()
    this.onClose('replays', () => replays.close())
    return { recordings, replays }
  }

  private async openUdp(engine: ShardlineEngine): Promise<UdpListener[]> {
    const listeners: UdpListener[] = []
    for (const u of this.config.udp) {
      if (!u.enabled) continue
      const listener = await this.openListener(u, engine)
      listeners.push(listener)
      this.onClose('udp', () => listener.close())
    }
    return listeners
  }

  private openListener(u: UdpConfig, engine: ShardlineEngine): Promise<UdpListener> {
    return UdpListener.open(
      {
        bindAddress: u['bind-address'],
        database: u.database,
        retentionPolicy: u['retention-policy'] || this.config['default-retention-policy'],
        buffer: u.buffer,
        readBufferBytes: u['read-buffer'],
      },
      engine.udpSink(),
      this.log,
    )
  }

  private async openHttp(
    identity: Identity,
    { engine, tasks, topics, alerts, udp }: Shown,
    addMore: (router: Router) => void,
  ): Promise<void> {
    const { config } = this
    const log = this.log.with({ service: 'http' })
    const api = new Api(
      {
        auth: { enabled: config.http['auth-enabled'], sharedSecret: config.http['shared-secret'] },
        logEnabled: config.http['log-enabled'],
        openDebug: config.http['pprof-enabled'],
      },
      log,
    )
    const gate = new BodyGate({ capBytes: config.engine['waiting-bytes'], waitMs: writeWaitMs(config) })
    const udpStats = () => Promise.all(udp.map((u) => u.currentStats()))
    const loopDelay = new LoopDelay()
    this.onClose('loop_delay', () => loopDelay.close())
    const delays = { loop: () => loopDelay.view(), alerts: () => alerts.latency.view() }
    const metrics = new Metrics({
      delays,
      tasks,
      engine: () => engine.stats(),
      http: api,
      logs: this.logs,
      gate,
      udp: udpStats,
    })
    addSystem(api.router, {
      logs: this.logs,
      metrics,
      debugVars: async () =>
        debugVars(identity, {
          tasks,
          engine: engine.stats(),
          udp: await udpStats(),
          topics: topics.list(),
          delays,
        }),
    })
    addMore(api.router)
    const settings = {
      defaultRetentionPolicy: config['default-retention-policy'],
      maxBodyBytes: config.engine['max-body-size'],
      tracing: config.http['write-tracing'],
      gate,
    }
    addWrite(api.router, engine, settings, log)
    const http = await listen(config, api, log)
    this.httpPort = http.port
    this.onClose('http', () => http.close(config.http['shutdown-timeout']))
  }
}

/** How long a stop may take. */
export function stopMs({ http, engine }: Config): number {
  return http['shutdown-timeout'] + engine['drain-timeout'] + outputsMs
}

function writeWaitMs({ engine }: Config): number {
  return engine['http-overload'] === 'reject' ? 0 : engine['write-timeout']
}

function deadmanOf({ deadman }: Config): DeadmanDefaults {
  const { id, message, global, threshold, interval } = deadman
  return { id, message, global, threshold, intervalNs: BigInt(Math.round(interval * 1e6)) }
}

async function listen(config: Config, api: Api, log: Log): Promise<HttpServer> {
  const { host, port } = splitAddress(config.http['bind-address'])
  log.info('starting HTTP service')
  log.info('authentication', { enabled: config.http['auth-enabled'] })
  const https = config.http['https-enabled']
  const http = await startHttpServer(
    {
      server: config.http.server,
      host,
      port,
      body: { hardLimitBytes: config.engine['max-body-size'], timeoutMs: config.http['body-timeout'] },
      ...(https
        ? {
            tls: {
              certificate: config.http['https-certificate'],
              key: config.http['https-private-key'],
              minVersion: config.tls['min-version'],
              maxVersion: config.tls['max-version'],
              ciphers: config.tls.ciphers,
            },
          }
        : {}),
    },
    api.handle,
    log,
  )
  const shown = host === '' ? '[::]' : host.includes(':') ? `[${host}]` : host
  log.info('listening on', { addr: `${shown}:${http.port}`, protocol: https ? 'https' : 'http', server: http.kind })
  return http
}
