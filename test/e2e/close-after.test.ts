/** `[engine] close-after` in a real server: windows and joins close by its clock. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TestServer, taskBody } from './server.js'

let server: TestServer
beforeAll(async () => {
  server = await TestServer.start({ shards: 2, env: { SHARDLINE_ENGINE_CLOSE_AFTER: '200ms' } })
})
afterAll(() => server.stop())

const dbrps = [{ db: 'd', rp: 'r' }]

async function values(task: string): Promise<unknown[]> {
  return server.until(async () => {
    const { body } = await server.json('GET', `/tasks/${task}/o`)
    const [row] = (body.series ?? []) as { columns: string[]; values: unknown[][] }[]
    return row?.values[0].slice(1)
  }, `a row of ${task}`)
}

it('a window and a join give what waits although no other point comes', async () => {
  const scripts = {
    window: "stream|from().measurement('m').groupBy('h')|window().period(1s).every(1s)|count('v')|httpOut('o')",
    join: `var a = stream|from().measurement('m').groupBy('h') var b = stream|from().measurement('n').groupBy('h')
      a|join(b).as('a', 'b').fill(0)|httpOut('o')`,
    never:
      "stream|from().measurement('m').groupBy('h')|window().period(1s).every(1s).closeAfter(0s)|count('v')|httpOut('o')",
  }
  for (const [id, script] of Object.entries(scripts)) {
    const made = await server.json('POST', '/tasks', taskBody(id, { script, dbrps }))
    expect(made.status, JSON.stringify(made.body)).toBe(200)
  }
  expect((await server.write('m,h=a v=7i', 'db=d&rp=r')).status).toBe(204)
  expect(await values('window')).toEqual([1])
  expect(await values('join')).toEqual([7, 0])
  expect((await server.json('GET', '/tasks/never/o')).body).toEqual({ series: null })
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  expect(metrics).toMatch(/counter="closed_by_time"\} 1\b/)
})
