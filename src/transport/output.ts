/** Types of the frames that shards send to main through the output ring (Outbox.send). Thread: any. */
export const Out = {
  /** A log line: JSON {level, msg, keys}. */
  Log: 1,
  /** An alert event, alert/event-frame.ts. */
  Alert: 2,
  /** The state of an inhibitor, alert/event-frame.ts. */
  Inhibit: 3,
  /** An httpPost request: binary head, body, typed row; operators/outside/http-post.ts. */
  HttpPost: 4,
  /** Line protocol to write back into this server; operators/outside/line-frame.ts. */
  Loopback: 5,
  /** Line protocol for InfluxDB; operators/outside/line-frame.ts. */
  InfluxDBOut: 6,
  /** A call to a cluster: JSON {request, op, resource, count}; operators/outside/autoscale.ts. */
  Autoscale: 7,
} as const
export type FrameType = (typeof Out)[keyof typeof Out]
