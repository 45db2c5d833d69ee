/**
 * The codes of ShardlineError and what they mean, for the reference. HTTP replies carry the code in the header
 * `X-Shardline-Error` beside the text. A code, once given, keeps its meaning. Thread: any.
 */
/** When a code is given, and what to do where that is not plain; with the HTTP status where it is not 400. */
export type CodeEntry = string | readonly [status: number, doc: string]

export interface ErrorGroup {
  readonly title: string
  readonly codes: Readonly<Record<string, CodeEntry>>
}

const groups = [
  {
    title: 'Scripts',
    codes: {
      parser: 'The script is no TICKscript. `shardline check` shows the place and all other errors.',
      tickscript: 'A name, a call or an argument of the script is wrong. `shardline check` shows the place.',
      expression: 'An expression outside lambdas cannot be evaluated.',
      'invalid-task-type': 'No chain or var of the script begins with `stream` or `batch`, or some with each.',
      'invalid-tickscript': 'The properties of a node do not fit together.',
      'invalid-node': 'The properties of a node do not fit together.',
      'invalid-var': 'The value given for a var is none of its type.',
      'no-script': 'A task or template has no script.',
      'script-timeout':
        'The script takes longer to evaluate, plan or explain than `[task] script-timeout`: ask for less work, make several tasks of it, or raise the option.',
      'script-memory': 'The script takes more memory to evaluate, plan or explain than its thread may have.',
      'scripts-waiting': [503, 'Too many scripts wait to be evaluated; the request may be sent again.'],
      'compile-thread': [500, 'The thread that evaluates scripts has failed; the text says why.'],
      unsupported: 'The script uses something that does not run here yet.',
      'lambda-compile': [500, 'A lambda cannot be enabled: the types of its operands do not fit an operator.'],
      'bad-dimension': 'The dimensions of a groupBy are not tags or `*`.',
      'bad-alert': [500, 'Thresholds of an alert are out of range.'],
      autoscale: 'The properties of an autoscaling node do not fit together.',
      'barrier-both': 'A barrier has both idle and period.',
      'barrier-idle': 'The idle time of a barrier is too short.',
      'barrier-period': 'The period of a barrier is not positive.',
      cron: [500, 'The cron expression of a query is none.'],
      'default-type': 'A default value has a type that fields cannot have.',
      'eval-names': 'An eval has more or fewer names than expressions.',
      'eval-tag': 'A tag of an eval is none of its names.',
      'http-post': 'The properties of an httpPost do not fit together.',
      'influxdb-out': 'A property of an influxDBOut is out of range.',
      loopback: 'A kapacitorLoopback has no database or retention policy.',
      query: [500, 'The properties of a query do not fit together.'],
      'sample-rate': [500, 'A sample is taken neither by number nor by duration, or not by a positive one.'],
      'shift-zero': [500, 'A shift is by nothing.'],
      sideload: 'The fields or tags of a sideload cannot be loaded.',
      'sideload-order': [500, 'A path template of a sideload cannot be read.'],
      'template-syntax': [500, 'A template of an alert or httpPost cannot be read.'],
      'template-execution': [500, 'A template of an alert or httpPost failed for a point.'],
    },
  },
  {
    title: 'Starting tasks',
    codes: {
      'task-start': [500, 'The task could not be started; the text says why.'],
      'task-failed': [500, 'A node stopped its task on all shards.'],
      'not-runnable': [500, 'A node of the script does not run here yet.'],
      edges: [500, 'A node gets points from one input and batches from another.'],
      'no-edge': [500, 'A node has no input that could reach it.'],
      'loopback-loop': [500, 'A kapacitorLoopback would write into what its own task reads.'],
      'stats-interval': [500, 'The interval of a stats node is not positive.'],
      'no-influxdb': [500, 'A node names an InfluxDB that is not configured.'],
      'no-cluster': [500, 'A node names a cluster that is not configured.'],
      'http-post-endpoint': [500, 'An httpPost names an endpoint that is not configured.'],
      'http-post-template': [500, 'The template of an endpoint cannot be read.'],
      'sideload-source': [500, 'The directory or URL of a sideload cannot be read.'],
      'sideload-memory': [
        500,
        'What a sideload loads does not fit into the memory of a shard: raise `[engine] shard-memory`.',
      ],
      memory: [500, 'A shard has no memory left for a node: raise `[engine] shard-memory`.'],
      'too-many-tasks': [500, 'The block of statistics is full: disable tasks.'],
      'shard-start': [500, 'A shard thread could not start.'],
      'no-answer': [503, 'A shard did not answer in time; the request may be sent again.'],
      'control-failed': [500, 'A node could not serve a request.'],
      'shard-down': [503, 'A shard has crashed and is started again; the request may be sent again.'],
      closing: [503, 'The server is shutting down.'],
    },
  },
  {
    title: 'Requests',
    codes: {
      'invalid-json': 'The body is not JSON, or not of the form that is wanted.',
      'bad-parameter': 'A parameter of the query has a value that is not known.',
      'bad-path': 'The path of the request cannot be decoded.',
      'bad-pattern': 'A pattern is not closed.',
      'bad-field': 'A list is asked for a field that does not exist.',
      'bad-time': 'A time is not written as RFC 3339.',
      'bad-patch': 'A JSON patch does not fit its document.',
      'bad-log-level': 'Log levels are debug, info and error.',
      'bad-level': 'Alert levels are OK, INFO, WARNING and CRITICAL.',
      'bad-clock': 'A replay runs by the clock `real` or `fast`.',
      unauthorized: [401, 'Credentials are missing or wrong.'],
      'body-too-large': [413, 'The body of the request is longer than it may be, packed or not.'],
      'body-late': [408, 'The body of the request did not arrive in time: `[http] body-timeout`.'],
      'body-crowded': [
        503,
        'Other bodies of writes took the room for longer than a write waits: `[engine] waiting-bytes`, `write-timeout`.',
      ],
      'not-supported': [501, 'The request is understood but not served here yet.'],
    },
  },
  {
    title: 'Tasks and templates',
    codes: {
      'bad-task-id': 'Ids consist of letters, digits, `-`, `.` and `_`.',
      'bad-template-id': 'Ids consist of letters, digits, `-`, `.` and `_`.',
      'bad-recording-id': 'Ids consist of letters, digits, `-`, `.` and `_`.',
      'bad-replay-id': 'Ids consist of letters, digits, `-`, `.` and `_`.',
      'no-task': [404, 'There is no such task.'],
      'no-task-id': 'The path names no task.',
      'task-exists': 'There is a task of this id already.',
      'no-dbrp': 'Neither the script nor the request names a database and retention policy.',
      'dbrp-twice': 'Both the script and the request name databases and retention policies.',
      'no-template': [404, 'There is no such template.'],
      'no-template-id': 'The path names no template.',
      'template-exists': [500, 'There is a template of this id already.'],
      'template-update': 'A task of the template cannot be changed with it; nothing has changed.',
      'wrong-task-type': 'The request is for tasks of the other type.',
    },
  },
  {
    title: 'Recordings and replays',
    codes: {
      'no-recording': [500, 'There is no such recording.'],
      'recording-exists': [500, 'There is a recording of this id already.'],
      'bad-recording': [500, 'The recording cannot be read.'],
      'too-many-recordings': [503, 'As many recordings as may run at once are running.'],
      'no-replay': 'There is no such replay, or it does not run.',
      'replay-exists': [500, 'There is a replay of this id already.'],
      replay: [500, 'The replay failed; the text says why.'],
      'too-many-replays': [503, 'As many replays as may run at once are running.'],
      'no-query': 'A query is wanted.',
      'no-start': 'A start time is wanted.',
    },
  },
  {
    title: 'Alerts, topics and handlers',
    codes: {
      'no-topic': [500, 'There is no such topic.'],
      'no-event': [404, 'The topic has no such event.'],
      'no-handler': [404, 'The topic has no such handler.'],
      handler: [500, 'A handler could not be changed; the text says why.'],
      'handler-exists': [500, 'The topic has a handler of this id already.'],
      'bad-handler': [500, 'The options of a handler are wrong.'],
      'bad-handler-options': [500, 'The options of a handler spec have wrong names or types.'],
      'bad-handler-spec': [500, 'A handler spec is not complete.'],
      'unsupported-handler': [500, 'Handlers of this kind do not exist or do not run here yet.'],
      'bad-match': [500, 'The match expression of a handler cannot be evaluated.'],
      'handler-circle': [500, 'A publish handler would send events back to its own topic.'],
      'handler-closed': [500, 'Events that still waited for a handler when it was closed are lost.'],
      'handler-late': [500, 'A handler did not finish an event within its deadline.'],
      'event-not-json': [500, 'An event with NaN or an infinity has no JSON.'],
      'event-refused': [500, 'A handler of the topic that an event was published to refused it.'],
      'exec-failed': [500, 'A program of an exec handler failed.'],
      'post-failed': [500, 'The receiver of a post handler answered with an error.'],
      'tcp-failed': [500, 'The receiver of a tcp handler cannot be reached.'],
      'slack-config': [500, 'The Slack workspace is not configured.'],
      'slack-failed': [500, 'Slack answered with an error.'],
      'no-service': [404, 'No service of this name can be tested.'],
      'service-disabled': [500, 'The service is not enabled in the configuration.'],
    },
  },
  {
    title: 'Other services',
    codes: {
      'bad-url': [500, 'A URL cannot be used.'],
      'bad-tls': [500, 'The certificates of a section cannot be read, or a certificate has no key.'],
      'bad-file': [500, 'A path leads to something that is no regular file, or to one that is too large.'],
      'http-request': [500, 'A request to another server got no answer; the text says why.'],
      influxdb: [500, 'InfluxDB answered with an error, or not at all.'],
      'influxdb-config': [500, 'The configuration of an InfluxDB is not complete.'],
      influxql: [500, 'A query is no InfluxQL.'],
      kubernetes: [500, 'The Kubernetes cluster is not configured, or answered with an error.'],
      swarm: [500, 'The Docker Swarm is not configured, or answered with an error.'],
      ec2: [500, 'The AWS region is not configured, or AWS answered with an error.'],
      'cluster-call': [500, 'The API of a cluster answered with an error, or not at all.'],
      'sideload-reload': [500, 'A source of sideloads cannot be read again; what was loaded before stays.'],
      'json-unsupported-value': [500, 'NaN and infinities have no JSON.'],
    },
  },
  {
    title: 'Starting the server and the command line',
    codes: {
      'bad-flag': 'An option of the command line does not exist or lacks its value.',
      'unknown-command': 'There is no such command.',
      'bad-config': [500, 'The configuration cannot be read, or an option has a wrong value.'],
      'engine-options': [500, 'An option of `[engine]` has a wrong value.'],
      'bad-log-file': [500, 'The log file cannot be opened.'],
      'bad-pidfile': 'The pid file cannot be written.',
      'data-dir': [500, 'The data directory cannot be used.'],
      'store-in-use': [500, 'Another server has the store open. Give each server a data_dir of its own.'],
      'store-open': [500, 'The store cannot be opened; another server may have it open.'],
      'listen-failed': [500, 'The address of the HTTP API cannot be listened on.'],
      'udp-address': [500, 'The address of a UDP listener is none.'],
      'not-closed': [500, 'Parts of the server did not close in time, or failed to; the log names them.'],
      'udp-listen': [500, 'The address of a UDP listener cannot be listened on.'],
    },
  },
  {
    title: 'Embedding',
    codes: {
      'write-invalid': 'Lines given to Engine.write are no line protocol, or do not fit: nothing of them was written.',
      'write-overloaded': [503, 'No room for the lines given to Engine.write: they may be written again.'],
      'no-endpoint': [404, 'The task has no httpOut node of this endpoint.'],
    },
  },
] as const satisfies readonly ErrorGroup[]

export const errorGroups: readonly ErrorGroup[] = groups

type CodesOf<Group> = Group extends { readonly codes: infer Codes } ? keyof Codes & string : never

/** Codes outside the table are a fault of the types. */
export type ErrorCode = CodesOf<(typeof groups)[number]>

export const docOf = (entry: CodeEntry): string => (typeof entry === 'string' ? entry : entry[1])
const statusIn = (entry: CodeEntry): number => (typeof entry === 'string' ? 400 : entry[0])

const statuses = new Map(
  errorGroups.flatMap(({ codes }) => Object.entries(codes).map(([code, entry]) => [code, statusIn(entry)] as const)),
)

/** The HTTP status that goes with a code, but where a request makes another one of it. */
export function statusOf(code: ErrorCode): number {
  return statuses.get(code) ?? 500
}
