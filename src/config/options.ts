/**
 * Every option of the configuration file, in the order it is printed. `top` holds the keys before the first section. What
 * stands here is all there is to say about an option: add it here and it can be set, overridden, printed and looked up.
 * Thread: main, and the command line.
 */
import { bytes, choice, duration, flag, float, integer, stringLists, strings, text } from './option.js'
import { tlsOptions } from './tls.js'

/** `O` has no bound: one would be a contextual type that widens the choices to string. */
const section = <O>(s: { doc: string; options: O; list?: boolean }) => s

export const top = section({
  doc: '',
  options: {
    hostname: text('localhost', 'Name under which other machines (InfluxDB) reach this server.'),
    data_dir: text('./data', 'Directory of cluster.id and server.id.'),
    'skip-config-overrides': flag(false, 'Do not apply overrides stored through the API.'),
    'default-retention-policy': text('', 'Retention policy of writes that name none.'),
  },
})

export const sections = {
  http: section({
    doc: 'HTTP API and writes.',
    options: {
      'bind-address': text(':9092', 'Address to listen on, `host:port` or `:port`.'),
      server: choice(
        ['uws', 'node'],
        'uws',
        'HTTP implementation: µWebSockets.js, or node:http. node:http is used by itself where the binary does not load.',
      ),
      'auth-enabled': flag(false, 'Require credentials: JSON web tokens signed with shared-secret.'),
      'log-enabled': flag(true, 'Log each request.'),
      'write-tracing': flag(false, 'Log the body of each write (debug level).'),
      'pprof-enabled': flag(false, 'Serve /debug/vars without credentials.'),
      'https-enabled': flag(false, 'Speak TLS.'),
      'https-certificate': text('/etc/ssl/kapacitor.pem', 'Certificate file.'),
      'https-private-key': text('', 'Key file; empty: it is in the certificate file.'),
      'body-timeout': duration(
        '1m0s',
        'How long the body of a request may take to arrive, once it is let in; then the answer is 408. 0s: for ever.',
      ),
      'shutdown-timeout': duration('10s', 'How long active requests may go on at shutdown.'),
      'shared-secret': text('', 'Secret of the web tokens.'),
    },
  }),
  engine: section({
    doc: 'The data plane: shards, their memory, and what happens under overload.',
    options: {
      shards: integer(0, 'Worker threads that hold the state of tasks. 0: one less than the cores, at least one.'),
      'shard-memory': bytes('256mb', 'Memory of each shard: its state, its heap, its scratch.'),
      slots: integer(64, 'Buffers for batches on their way to the shards.'),
      'slot-size': bytes('1mb', 'Size of one of them. The longest line is a quarter of it.'),
      'ring-entries': integer(4096, 'Batches that may wait per shard. A power of two.'),
      'http-overload': choice(
        ['block', 'reject'],
        'block',
        'HTTP writes that find no room: wait (up to waiting-bytes, then their sockets pause), or answer 503 at once.',
      ),
      'udp-overload': choice(
        ['drop-oldest', 'drop-newest', 'block'],
        'drop-oldest',
        'Datagrams that find no room: which to drop, or leave them to the kernel.',
      ),
      'waiting-bytes': bytes(
        '64mb',
        'Bodies of writes that are being read, and those that wait for room; so much of each.',
      ),
      'write-timeout': duration(
        '10s',
        'How long a write may wait for room before it is answered 503, first for its body and then for its points.',
      ),
      'state-policy': choice(
        ['drop-oldest', 'drop-newest', 'block'],
        'drop-oldest',
        'What happens when a shard has used its memory.',
      ),
      'inspect-port': integer(
        0,
        'Shard k can be debugged at this port + k of 127.0.0.1, where whoever reaches it can run code. 0: none can.',
      ),
      'idle-ttl': duration('0s', 'Groups without points for so long are forgotten. 0s: never.'),
      'close-after': duration(
        '0s',
        'Windows and joins close so long after their time although no next point comes, where `.closeAfter()` says nothing. 0s: they wait for it.',
      ),
      'max-body-size': bytes('64mb', 'Largest body of a write, uncompressed; larger ones are answered 413.'),
      'drain-timeout': duration('20s', 'How long tasks may go on with accepted points at shutdown.'),
    },
  }),
  requests: section({
    doc: 'Requests of httpPost nodes to other servers.',
    options: {
      timeout: duration('30s', 'Longest time of a request whose node sets no timeout. 0s: none.'),
      'max-requests': integer(512, 'How many may be under way.'),
      'max-per-task': integer(64, 'How many of them may be of one task.'),
      'max-per-host': integer(64, 'How many of them may go to one server.'),
      'queued-bytes': bytes('64mb', 'What may wait; a task that fills the queue leaves room for the others.'),
    },
  }),
  tls: section({
    doc: 'TLS of the HTTP API.',
    options: {
      ciphers: strings([], 'Allowed cipher suites; empty: the platform decides.'),
      'min-version': text('', '`tls1.0` … `tls1.3`.'),
      'max-version': text('', '`tls1.0` … `tls1.3`.'),
    },
  }),
  replay: section({
    doc: 'Recordings.',
    options: {
      dir: text('./replay', 'Directory of recordings.'),
      'idle-timeout': duration(
        '1m0s',
        'A recording of a stream whose stop has passed ends when no point has come for so long.',
      ),
    },
  }),
  storage: section({
    doc: 'Tasks, topics and everything else that survives a restart.',
    options: {
      boltdb: text('', 'Path of the original store. Its directory is used when `path` is empty.'),
      path: text('', 'Store directory. Empty: shardline.lmdb beside boltdb, or in data_dir.'),
    },
  }),
  task: section({
    doc: 'Tasks.',
    options: {
      dir: text('./tasks', 'Not used; accepted for the original.'),
      'script-timeout': duration('10s', 'How long a script may take to be evaluated, planned or explained.'),
      'snapshot-interval': duration('1m0s', 'How often functions of the user are asked for snapshots.'),
    },
  }),
  load: section({
    doc: 'Tasks, templates and handlers from files.',
    options: {
      enabled: flag(false, 'Load them at start.'),
      dir: text('./load', 'Directory with tasks, templates and handlers.'),
    },
  }),
  alert: section({
    doc: 'Alerts.',
    options: {
      'persist-topics': flag(true, 'Keep the states of topics across restarts.'),
      'topic-buffer-length': integer(5000, 'Events that may wait per handler.'),
    },
  }),
  logging: section({
    doc: 'Logs.',
    options: {
      file: text('STDERR', '`STDERR`, `STDOUT` or a path.'),
      level: text('INFO', '`DEBUG`, `INFO` or `ERROR`.'),
      format: choice(['logfmt', 'json'], 'logfmt', 'One line per event, as logfmt or as JSON.'),
    },
  }),
  'config-override': section({
    doc: 'Changes of the configuration through the API.',
    options: { enabled: flag(true, 'Allow them.') },
  }),
  stats: section({
    doc: 'Own statistics as points.',
    options: {
      enabled: flag(true, 'Write them.'),
      'stats-interval': duration('10s', 'How often.'),
      database: text('_kapacitor', 'Database.'),
      'retention-policy': text('autogen', 'Retention policy.'),
      'timing-sample-rate': float(0.1, 'Part of the executions that are timed.'),
      'timing-movavg-size': integer(1000, 'Executions in the moving average.'),
    },
  }),
  reporting: section({
    doc: 'Accepted for the original. Nothing is ever reported.',
    options: { enabled: flag(false, 'No effect.'), url: text('', 'No effect.') },
  }),
  deadman: section({
    doc: 'A deadman on every stream task.',
    options: {
      global: flag(false, 'Add one to every task.'),
      interval: duration('10s', 'Interval.'),
      threshold: float(0, 'Points per interval below which the alert is raised.'),
      id: text("{{ .Group }}:NODE_NAME for task '{{ .TaskName }}'", 'Alert id.'),
      message: text(
        '{{ .ID }} is {{ if eq .Level "OK" }}alive{{ else }}dead{{ end }}: {{ index .Fields "emitted" | printf "%0.3f" }} points/INTERVAL.',
        'Alert message.',
      ),
    },
  }),
} as const

export const lists = {
  influxdb: section({
    doc: 'An InfluxDB cluster: subscriptions, queries, influxDBOut.',
    list: true,
    options: {
      enabled: flag(true, 'Use it.'),
      name: text('default', 'Name in scripts.'),
      default: flag(false, 'Used where a script names none.'),
      urls: strings(['http://localhost:8086'], 'Addresses.'),
      username: text('', 'User.'),
      password: text('', 'Password.'),
      ...tlsOptions,
      timeout: duration('0s', 'Of requests; 0s: none.'),
      'disable-subscriptions': flag(false, 'Do not subscribe.'),
      'subscription-protocol': choice(['http', 'https', 'udp'], 'http', 'How InfluxDB sends points.'),
      'subscription-mode': choice(['cluster', 'server'], 'cluster', 'Which id names the subscription.'),
      subscriptions: stringLists({}, 'Retention policies by database; empty: all.'),
      'excluded-subscriptions': stringLists({ _kapacitor: ['autogen'] }, 'Never subscribe to these.'),
      'kapacitor-hostname': text('', 'Overrides hostname in subscriptions.'),
      'http-port': integer(0, 'Overrides the port in subscriptions.'),
      'udp-bind': text('', 'Address for UDP subscriptions.'),
      'udp-buffer': integer(65_536, 'Datagrams that may wait, 16 MiB of them at most.'),
      'udp-read-buffer': integer(0, 'Socket receive buffer, bytes; 0: the system decides.'),
      'startup-timeout': duration('5m0s', 'How long to wait for the cluster at start.'),
      'subscriptions-sync-interval': duration('1m0s', 'How often to look for new databases.'),
    },
  }),
  udp: section({
    doc: 'A UDP listener for line protocol.',
    list: true,
    options: {
      enabled: flag(false, 'Listen.'),
      'bind-address': text('', 'Address, `host:port`.'),
      database: text('', 'Database of the points.'),
      'retention-policy': text('', 'Retention policy of the points; empty: default-retention-policy.'),
      buffer: integer(65_536, 'Datagrams that may wait, 16 MiB of them at most.'),
      'read-buffer': integer(0, 'Socket receive buffer, bytes; 0: the system decides.'),
    },
  }),
} as const

/** Sections of the original that other parts read raw, or that have no effect here; they never cause a warning by name. */
export const foreignSections = new Set(
  (
    'alerta auth azure collectd consul discord dns ec2 file-discovery fluxtask gce graphite hipchat httppost kafka ' +
    'kubernetes marathon mqtt nerve opentsdb opsgenie opsgenie2 pagerduty pagerduty2 pushover scraper sensu serverset ' +
    'servicenow slack smtp snmptrap static-discovery swarm talk teams telegram triton udf victorops zenoss bigpanda'
  ).split(' '),
)
