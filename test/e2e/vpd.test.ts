/**
 * Vapour pressure deficit from two measurements that are joined: sensors that report as they measure, then an upload of
 * everything that others have collected, file by file, which holds one measurement back for long.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { handledPoints, metric, script } from './scripts.js'
import { TestServer } from './server.js'
import { Sink } from './sink.js'

const startSecond = 1_500_000_000 - (1_500_000_000 % 60)

interface Reading {
  readonly sensor: string
  readonly second: number
  readonly celsius: number
  readonly humidity: number
  readonly valid: readonly [string, string]
}

function readings(sensors: number, samples: number, prefix: string): Reading[] {
  return Array.from({ length: sensors * samples }, (_, n) => {
    const sensor = n % sensors
    const i = Math.floor(n / sensors)
    return {
      sensor: `${prefix}${sensor}`,
      second: startSecond + i * 60,
      celsius: 18 + ((i * 7 + sensor * 3) % 90) / 10,
      humidity: 40 + ((i * 11 + sensor) % 500) / 10,
      valid: [(i + sensor) % 50 === 7 ? 'Fault' : 'Good', i % 70 === 9 ? 'Range' : 'Good'],
    }
  })
}

/** The script's expressions. */
function deficit(r: Reading): { value: number; valid: string } {
  const rankine = (r.celsius + 273.15) * 1.8
  const saturated = Math.exp(
    -10440.0 / rankine +
      -11.29 +
      -0.02702 * rankine +
      0.00001289 * rankine ** 2 +
      -0.000000002478 * rankine ** 3 +
      6.546 * Math.log(rankine),
  )
  const psi = saturated - saturated * (r.humidity / 100)
  return { value: psi * 6.894757293, valid: r.valid.every((v) => v === 'Good') ? 'Good' : 'Bad' }
}

/** The two readings of a sensor are some seconds apart. */
const line = (r: Reading, what: 'Air Temperature' | 'Relative Humidity'): string => {
  const second = r.second + (Number(r.sensor.slice(1)) % 5) + (what === 'Air Temperature' ? 0 : 9)
  const [value, valid] = what === 'Air Temperature' ? [r.celsius, r.valid[0]] : [r.humidity, r.valid[1]]
  return `${what.replace(' ', '\\ ')},Sensor=${r.sensor},Site=greenhouse\\ 1 Value=${value.toFixed(1)},Validity="${valid}" ${second}`
}

describe('vapour pressure deficit', () => {
  let server: TestServer
  let sink: Sink
  const live = readings(5, 200, 'L')
  const uploaded = readings(24, 400, 'U')

  beforeAll(async () => {
    sink = await Sink.start()
    server = await TestServer.start({
      shards: 2,
      config: `[[influxdb]]\nenabled = true\ndefault = true\nname = "default"\nurls = ["${sink.url}"]\ndisable-subscriptions = true`,
    })
    const file = join(server.dir, 'vpd.tick')
    writeFileSync(file, script('vpd'))
    const quiet = { code: 0, stdout: '', stderr: '' }
    expect(await server.runCli(['define', 'VPD_Calculation', '-tick', file, '-dbrp', 'sensors.autogen'])).toEqual(quiet)
    expect(await server.runCli(['enable', 'VPD_Calculation'])).toEqual(quiet)
  })
  afterAll(async () => {
    await server.stop()
    await sink.close()
  })

  async function write(lines: readonly string[]): Promise<void> {
    expect(await server.write(lines.join('\n'), 'db=sensors&rp=autogen&precision=s')).toEqual({ status: 204, text: '' })
  }

  it('gives one deficit for each pair of readings, live and uploaded', async () => {
    for (let i = 0; i < live.length; i += 250) {
      const some = live.slice(i, i + 250)
      await write([...some.map((r) => line(r, 'Air Temperature')), ...some.map((r) => line(r, 'Relative Humidity'))])
    }
    // One file per sensor and measurement: a sensor's temperatures are all there before its first humidity.
    for (let s = 0; s < 24; s++) {
      const own = uploaded.filter((r) => r.sensor === `U${s}`)
      await write(own.map((r) => line(r, 'Air Temperature')))
      await write(own.map((r) => line(r, 'Relative Humidity')))
    }
    const all = [...live, ...uploaded]
    await server.until(
      async () => ((await handledPoints(server.url, 'VPD_Calculation')) === all.length * 2 ? true : undefined),
      'all readings',
    )
    const metrics = await (await fetch(`${server.url}/metrics`)).text()
    // What is joined is let go: the upload leaves no more than the last reading of each sensor, in pages that stay.
    expect(metric(metrics, 'shardline_task_state_bytes', 'VPD_Calculation')).toBeLessThan(4 * 1024 * 1024)
    // Disabling settles the pairs that were still waiting for a later reading.
    expect(await server.runCli(['disable', 'VPD_Calculation'])).toEqual({ code: 0, stdout: '', stderr: '' })

    const lines = await server.until(() => {
      const writes = sink.requests.filter((r) => r.path === '/write' && r.query.get('db') === 'sensors')
      const list = writes.flatMap((r) => r.body.split('\n').filter(Boolean))
      return list.length >= all.length ? list : undefined
    }, `${all.length} deficits`)
    const got = new Map<string, { value: number; valid: string }>()
    for (const text of lines) {
      const m = /^Vapor\\ Pressure\\ Deficit,Sensor=(\w+),Site=greenhouse\\ 1 (\S+) (\d+)000000000$/.exec(text)
      if (m === null) throw new Error(`not as expected: ${text}`)
      const fields = new Map(m[2].split(',').map((f) => f.split('=') as [string, string]))
      expect([...fields.keys()].sort()).toEqual(['Units', 'Validity', 'Value'])
      expect(fields.get('Units')).toBe('"kPa"')
      got.set(`${m[1]} ${m[3]}`, { value: Number(fields.get('Value')), valid: String(fields.get('Validity')) })
    }
    expect(lines).toHaveLength(all.length)
    expect(got.size).toBe(all.length)
    for (const r of all) {
      const want = deficit(r)
      const have = got.get(`${r.sensor} ${r.second}`)
      expect(have?.valid, `${r.sensor} ${r.second}`).toBe(`"${want.valid}"`)
      expect((have?.value ?? 0) / want.value).toBeCloseTo(1, 12)
    }
  })
})
