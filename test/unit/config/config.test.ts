import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { allSections, findConfigFile, loadConfig, parseConfig, splitAddress } from '../../../src/config/load.js'
import { parseBytes } from '../../../src/config/option.js'
import { configReference, printDefaultConfig, printEffectiveConfig } from '../../../src/config/print.js'
import { durationMs } from '../../../src/go/durations.js'

const error = (source: string, env = {}): string => {
  try {
    parseConfig(source, env)
  } catch (err) {
    return (err as Error).message
  }
  return ''
}

/** Shortened from the original's packaged file: one key of every kind of section. */
const original = `
hostname = "kap.example"
data_dir = "/var/lib/kapacitor"
skip-config-overrides = false
default-retention-policy = "autogen"
[http]
  bind-address = ":9092"
  auth-enabled = false
  log-enabled = true
  write-tracing = false
  pprof-enabled = false
  https-enabled = false
  https-certificate = "/etc/ssl/kapacitor.pem"
[tls]
  # ciphers = [ "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305" ]
[config-override]
  enabled = true
[logging]
    file = "/var/log/kapacitor/kapacitor.log"
    level = "INFO"
[load]
  enabled = false
  dir = "/etc/kapacitor/load"
[replay]
  dir = "/var/lib/kapacitor/replay"
[task]
  dir = "/var/lib/kapacitor/tasks"
  snapshot-interval = "60s"
[storage]
  boltdb = "/var/lib/kapacitor/kapacitor.db"
[deadman]
  global = false
  threshold = 0.0
  interval = "10s"
  id = "node 'NODE_NAME' in task '{{ .TaskName }}'"
  message = "{{ .ID }} is {{ if eq .Level \\"OK\\" }}alive{{ else }}dead{{ end }}"
[[influxdb]]
  enabled = true
  default = true
  name = "localhost"
  urls = ["http://localhost:8086"]
  username = ""
  password = ""
  timeout = 0
  insecure-skip-verify = false
  startup-timeout = "5m"
  disable-subscriptions = false
  subscription-mode = "cluster"
  subscription-protocol = "http"
  subscriptions-sync-interval = "1m0s"
  kapacitor-hostname = ""
  http-port = 0
  udp-bind = ""
  udp-buffer = 1000
  udp-read-buffer = 0
  [influxdb.subscriptions]
  [influxdb.excluded-subscriptions]
   _kapacitor = [ "autogen" ]
[kubernetes]
  enabled = false
[smtp]
  enabled = false
  host = "localhost"
[slack]
  enabled = false
[[mqtt]]
  enabled = false
[[udp]]
  enabled = true
  bind-address = ":9100"
  database = "game"
  retention-policy = "autogen"
[[graphite]]
  enabled = false
[collectd]
  enabled = false
[stats]
  enabled = true
  stats-interval = "10s"
[udf]
[udf.functions]
[talk]
  enabled = false
[[static-discovery]]
  enabled = false
`

describe('the original configuration', () => {
  it('is accepted, durations as numbers included', () => {
    const { config, warnings } = parseConfig(original, {})
    expect(warnings).toEqual([])
    expect(config.hostname).toBe('kap.example')
    expect(config.influxdb[0]['startup-timeout']).toBe(300_000)
    expect(config.influxdb[0].timeout).toBe(0)
    expect(config.influxdb[0]['excluded-subscriptions']).toEqual({ _kapacitor: ['autogen'] })
    expect(config.udp[0]).toMatchObject({ enabled: true, 'bind-address': ':9100', database: 'game', buffer: 65_536 })
    expect(config.foreign.smtp).toEqual({ enabled: false, host: 'localhost' })
    expect(config.task['snapshot-interval']).toBe(60_000)
  })

  it('an empty file means the defaults', () => {
    const { config } = parseConfig('', {})
    expect(config.http['bind-address']).toBe(':9092')
    expect(config.http.server).toBe('uws')
    expect(config.engine['shard-memory']).toBe(256 << 20)
    expect(config['default-retention-policy']).toBe('')
    expect(config.udp).toEqual([])
  })

  it('several influxdb sections lose the defaults of one', () => {
    const two = parseConfig('[[influxdb]]\nname="a"\nenabled=true\n[[influxdb]]\nname="b"', {}).config.influxdb
    expect(two[1]).toMatchObject({ enabled: false, urls: [], 'excluded-subscriptions': {}, 'startup-timeout': 300_000 })
    expect(two[0]['udp-buffer']).toBe(65_536)
  })
})

describe('unknown names', () => {
  it('warn and do not stop', () => {
    const { warnings } = parseConfig('nope = 1\n[http]\nfoo = 2\n[bogus]\nx = 1', {})
    expect(warnings).toEqual(['unknown key http.foo', 'unknown key nope', 'unknown section bogus'])
    expect(parseConfig('[constructor]\nx = 1', {}).warnings).toEqual(['unknown section constructor'])
  })
})

describe('environment', () => {
  const env = {
    KAPACITOR_HOSTNAME: 'other',
    KAPACITOR_DATA_DIR: '/d',
    KAPACITOR_HTTP_BIND_ADDRESS: '127.0.0.1:1',
    KAPACITOR_HTTP_LOG_ENABLED: 'F',
    KAPACITOR_STATS_STATS_INTERVAL: '1m30s',
    KAPACITOR_INFLUXDB_0_HTTP_PORT: '0x10',
    KAPACITOR_INFLUXDB_0_URLS_1: 'http://two',
    KAPACITOR_INFLUXDB_1_NAME: 'ignored: no such entry',
    KAPACITOR_UDP_0_DATABASE: 'g',
    KAPACITOR_SLACK_ENABLED: 'true',
    KAPACITOR_LOGGING_LEVEL: '',
    SHARDLINE_ENGINE_SHARDS: '3',
    SHARDLINE_ENGINE_SHARD_MEMORY: '1gb',
    KAPACITOR_ENGINE_SHARDS: '2',
  }
  it('overrides the file; empty counts as unset; SHARDLINE_ wins', () => {
    const source = '[[influxdb]]\nurls=["http://a","http://b"]\n[[udp]]\nbind-address=":1"\ndatabase="x"'
    const { config } = parseConfig(source, env)
    expect(config.hostname).toBe('other')
    expect(config.data_dir).toBe('/d')
    expect(config.http).toMatchObject({ 'bind-address': '127.0.0.1:1', 'log-enabled': false })
    expect(config.stats['stats-interval']).toBe(90_000)
    expect(config.influxdb).toHaveLength(1)
    expect(config.influxdb[0]).toMatchObject({ 'http-port': 16, urls: ['http://a', 'http://two'] })
    expect(config.udp[0].database).toBe('g')
    expect(config.foreign.slack).toEqual({ enabled: true })
    expect(config.logging.level).toBe('INFO')
    expect(config.engine.shards).toBe(3)
    expect(config.engine['shard-memory']).toBe(1 << 30)
  })

  it.each([
    [
      { KAPACITOR_HTTP_LOG_ENABLED: 'zz' },
      "apply env config: failed to apply KAPACITOR_HTTP_LOG_ENABLED to LogEnabled using type bool and value 'zz'",
    ],
    [
      { KAPACITOR_STATS_STATS_INTERVAL: 'zz' },
      'apply env config: failed to unmarshal env var: time: invalid duration "zz"',
    ],
  ])('a bad value is one clear line: %j', (bad, text) => {
    expect(error('', bad)).toBe(text)
  })
})

describe('bad files', () => {
  it.each([
    ['hostname = ""', 'invalid configuration: must configure valid hostname'],
    [
      '[http]\nbind-address = "127.0.0.1"',
      'invalid http bind address 127.0.0.1: address 127.0.0.1: missing port in address',
    ],
    ['[http]\nserver = "apache"', 'parse config: http.server: want one of "uws", "node", got "apache"'],
    ['[http]\nlog-enabled = "yes"', 'parse config: http.log-enabled: want true or false, got "yes"'],
    ['[engine]\nshard-memory = "many"', 'engine.shard-memory: invalid size "many"'],
    ['[engine]\nring-entries = 1000', 'engine.ring-entries must be a power of two, got 1000'],
    ['[engine]\nslots = 0', 'engine.slots must be greater than 0'],
    ['[load]\nenabled = true', 'dir must be an absolute path'],
    ['[http]\nauth-enabled = true', 'http.auth-enabled needs http.shared-secret'],
    ['http = 5', 'parse config: http: want a section'],
    ['[[udp]]\nenabled = true', 'bind address has to be specified in config'],
    ['[[udp]]\nenabled = true\nbind-address = ":1"', 'database has to be specified in config'],
    ['[[influxdb]]\nname="a"\n[[influxdb]]\nname="a"', 'duplicate name "a" for influxdb configs'],
    [
      '[[influxdb]]\nname="a"\nenabled=true\n[[influxdb]]\nname="b"\nenabled=true',
      'at least one of the enabled InfluxDB clusters must be marked as default.',
    ],
    ['a = \n', 'parse config: line 1, column'],
  ])('%s', (source, text) => {
    expect(error(source)).toContain(text)
  })

  it('a file that is not there', () => {
    expect(() => loadConfig('/nonexistent/x.conf', {})).toThrow(
      'parse config: open /nonexistent/x.conf: no such file or directory',
    )
  })
})

it('the file is looked for at the flag, the environment, then the usual places', () => {
  const home = mkdtempSync(join(tmpdir(), 'shardline-config-'))
  expect(findConfigFile('/a', { KAPACITOR_CONFIG_PATH: '/b' })).toBe('/a')
  expect(findConfigFile(undefined, { KAPACITOR_CONFIG_PATH: '/b', HOME: home })).toBe('/b')
  expect(findConfigFile(undefined, { HOME: home })).toBeUndefined()
  expect(loadConfig('/dev/null', {}).config.hostname).toBe('localhost')
  writeFileSync(join(home, 'x.conf'), 'hostname = "h"')
  expect(loadConfig(join(home, 'x.conf'), {}).config.hostname).toBe('h')
})

describe('printing', () => {
  it('the default configuration parses to the defaults and names every option', () => {
    const text = printDefaultConfig()
    const { config, warnings } = parseConfig(text, {})
    expect(warnings).toEqual([])
    expect(config).toEqual(parseConfig('', {}).config)
    for (const [, section] of allSections()) {
      for (const [key, option] of Object.entries(section.options)) {
        expect(text).toContain(`${key} = `)
        expect(option.doc).not.toBe('')
        expect(configReference()).toContain(`| \`${key}\` |`)
      }
    }
  })

  it('the lists that are printed as comments parse too', () => {
    const text = printDefaultConfig().replace(/^# ( *(\[\[|[a-z-]+ = ))/gm, '$1')
    expect(parseConfig(text, {}).config.influxdb).toHaveLength(1)
  })

  it('the effective configuration parses to itself', () => {
    const { config } = parseConfig(original, {})
    const again = parseConfig(printEffectiveConfig(config), {}).config
    expect({ ...again, foreign: {} }).toEqual({ ...config, foreign: {} })
  })
})

it('sizes', () => {
  expect(parseBytes('64mb')).toBe(64 << 20)
  expect(parseBytes('1.5k')).toBe(1536)
  expect(parseBytes('10')).toBe(10)
  expect(() => parseBytes('x')).toThrow('invalid size "x"')
  expect(() => parseBytes('1constructor')).toThrow('invalid size "1constructor"')
  expect(() => durationMs('1constructor')).toThrow('time: unknown unit "constructor" in duration "1constructor"')
})

it('addresses', () => {
  expect(splitAddress(':9092')).toEqual({ host: '', port: 9092 })
  expect(splitAddress('[::1]:1')).toEqual({ host: '::1', port: 1 })
  expect(() => splitAddress('h:99999')).toThrow('invalid port')
})
