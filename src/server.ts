/**
 * Puts the parts of the server together, in the order they open, and takes them apart in reverse. Main thread. HTTP opens
 * last, so nothing is answered before tasks run; at shutdown it closes first.
 */
import { dirname, join } from 'node:path'
import { Api } from './api/api.js'
import type { HttpServer } from './api/http.js'
import { startHttpServer } from './api/http-server.js'
import { addSystem } from './api/system.js'
import { addTasks } from './api/tasks.js'
import { addWrite } from './api/write.js'
import type { Config } from './config/config.js'
import { splitAddress } from './config/load.js'
import { readIdentity } from './identity.js'
import { idleEngine } from './idle-engine.js'
import type { Log } from './log.js'
import { debugVars } from './observe/debug-vars.js'
import type { LogOutput } from './observe/logger.js'
import { Metrics } from './observe/metrics.js'
import type { Engine } from './route/engine-api.js'
import { noTemplates } from './tasks/compile-script.js'
import { TaskManager } from './tasks/task-manager.js'
import { Store } from './tasks/task-store.js'
import { kapacitorVersion, shardlineVersion } from './version.js'

/** `[storage] path`, or `shardline.lmdb` beside the original's store, or in the data directory. */
export function storePath(config: Config): string {
  const { path, boltdb } = config.storage
  if (path !== '') return path
  return join(boltdb === '' ? config.data_dir : dirname(boltdb), 'shardline.lmdb')
}

export class Server {
  private constructor(
    private readonly store: Store,
    private readonly engine: Engine,
    private readonly tasks: TaskManager,
    private readonly http: HttpServer,
    private readonly config: Config,
    private readonly log: Log,
  ) {}

  get port(): number {
    return this.http.port
  }

  /** Throws a ShardlineError when something cannot open; what was open is closed again. */
  static async start(config: Config, logs: LogOutput, log: Log): Promise<Server> {
    const run = log.with({ service: 'run' })
    run.info('shardline starting', { version: shardlineVersion, compatible: kapacitorVersion })
    run.info('node version', { version: process.version })
    const server = log.with({ source: 'srv' })
    server.info('listing hostname', { hostname: config.hostname })
    const identity = { ...readIdentity(config.data_dir), hostname: config.hostname }
    server.info('listing ClusterID and ServerID', { cluster_id: identity.clusterId, server_id: identity.serverId })

    const opened: (() => Promise<void>)[] = []
    try {
      const store = Store.open(storePath(config))
      opened.push(() => store.close())
      const engine = idleEngine()
      opened.push(() => engine.close(0))
      server.info('opened task master', { task_master: 'main' })

      const tasks = new TaskManager({
        store,
        engine,
        templates: noTemplates,
        observers: [],
        log: log.with({ service: 'task_store' }),
      })
      await tasks.open()
      opened.push(() => tasks.close())

      const httpLog = log.with({ service: 'http' })
      const api = new Api(
        {
          auth: { enabled: config.http['auth-enabled'], sharedSecret: config.http['shared-secret'] },
          logEnabled: config.http['log-enabled'],
          openDebug: config.http['pprof-enabled'],
        },
        httpLog,
      )
      const metrics = new Metrics({ tasks, engine: () => engine.stats(), http: api })
      addSystem(api.router, { logs, metrics, debugVars: () => debugVars(identity, tasks, engine.stats()) })
      addTasks(api.router, tasks, async () => undefined)
      const writeSettings = {
        defaultRetentionPolicy: config['default-retention-policy'],
        maxBodyBytes: config.engine['max-body-size'],
        tracing: config.http['write-tracing'],
      }
      addWrite(api.router, engine, writeSettings, httpLog)

      const http = await listen(config, api, httpLog)
      return new Server(store, engine, tasks, http, config, log)
    } catch (err) {
      for (const close of opened.reverse()) await close()
      throw err
    }
  }

  /** Stops intake, lets accepted points through within the deadline, closes everything. */
  async stop(): Promise<void> {
    const started = Date.now()
    const drainMs = this.config.engine['drain-timeout']
    await this.http.close(this.config.http['shutdown-timeout'])
    this.log.info('closed service', { service: 'http' })
    await this.tasks.close()
    await this.engine.close(Math.max(drainMs - (Date.now() - started), 0))
    await this.store.close()
    this.log.info('server shutdown completed', { service: 'run' })
  }
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
      waitingBytes: config.engine['waiting-bytes'],
      maxBodyBytes: config.engine['max-body-size'],
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
