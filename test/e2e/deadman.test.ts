/** `[deadman]` of the configuration in a real server: on main, where tasks are shown, and on the shards, where they run. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestServer, taskBody } from './server.js'

let server: TestServer
beforeAll(async () => {
  server = await TestServer.start({
    shards: 3,
    config: `[deadman]
global = true
threshold = 2.5
interval = "100ms"
id = "NODE_NAME of {{ .TaskName }}"
message = "{{ .ID }}: {{ .Level }}, INTERVAL"
`,
  })
})
afterAll(() => server.stop())

interface Row {
  readonly columns: string[]
  readonly values: unknown[][]
  readonly tags?: Record<string, string>
}

async function rowOf(
  task: string,
  wanted: (row: Record<string, unknown>) => boolean,
): Promise<Record<string, unknown>> {
  return server.until(async () => {
    const { body } = await server.json('GET', `/tasks/${task}/o`)
    for (const row of (body.series ?? []) as Row[]) {
      const cells = { ...row.tags, ...Object.fromEntries(row.columns.map((c, i) => [c, row.values[0][i]])) }
      if (wanted(cells)) return cells
    }
    return undefined
  }, `a row of ${task}`)
}

describe('[deadman]', () => {
  const dot = 'stream0 -> from1;\nfrom1 -> http_out2;\nstats3 -> derivative4;\nderivative4 -> alert5;'

  it('global: every task gets one on its source, running or not', async () => {
    await server.json('POST', '/tasks', taskBody('still', { status: 'disabled' }))
    const still = await server.json('GET', '/tasks/still')
    expect(still.body.dot).toBe(`digraph still {\n${dot}\n}`)
    await server.json('POST', '/tasks', taskBody('all'))
    // Nothing is written, so it raises its alert within two intervals.
    const raised = await server.until(async () => {
      const { body } = await server.json('GET', '/tasks/all')
      const stats = body.stats as { 'node-stats'?: Record<string, Record<string, number>> }
      const alert = stats['node-stats']?.alert5
      return alert !== undefined && alert.crits_triggered > 0 ? alert : undefined
    }, 'an alert')
    expect(raised.oks_triggered).toBe(0)
  })

  it('id and message are those of the configuration', async () => {
    const script = "stream|from()|deadman(0.0, 150ms).idField('id').messageField('text')|httpOut('o')"
    await server.json('POST', '/tasks', taskBody('texts', { script }))
    const row = await rowOf('texts', (r) => r.emitted === 0)
    expect(row).toMatchObject({ id: 'from1 of texts', text: 'from1 of texts: CRITICAL, 150ms' })
  })

  it('groups come back to life', async () => {
    const script = "stream|from().groupBy('h')|deadman(0.0, 100ms).levelField('level')|httpOut('o')"
    await server.json('POST', '/tasks', taskBody('groups', { script }))
    await server.write('m,h=a v=1 1\nm,h=b v=1 1')
    await rowOf('groups', (r) => r.h === 'a' && r.level === 'CRITICAL')
    const write = setInterval(() => void server.write('m,h=a v=1 2'), 20)
    try {
      await rowOf('groups', (r) => r.h === 'a' && r.level === 'OK')
      await rowOf('groups', (r) => r.h === 'b' && r.level === 'CRITICAL')
    } finally {
      clearInterval(write)
    }
  })
})
