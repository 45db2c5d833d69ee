/**
 * Defaults, then the file, then the environment: one validated Config, or one ShardlineError with one clear line. Unknown
 * sections and keys are collected as warnings and never stop the server. Thread: main, and the command line.
 */
import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parse as parseToml, TomlError } from 'smol-toml'
import { errorText, ShardlineError } from '../errors.js'
import type { Config, InfluxDBConfig, UdpConfig } from './config.js'
import { type Options, readEnvironment, readOption, type Section } from './option.js'
import { foreignSections, lists, sections, top } from './options.js'

export type Environment = Readonly<Record<string, string | undefined>>
type Table = Record<string, unknown>
export type Sections = Readonly<Record<string, Section>>

export interface Loaded {
  readonly config: Config
  readonly warnings: readonly string[]
  /** Undefined: built-in defaults. */
  readonly file: string | undefined
}

const bad = (message: string): ShardlineError => new ShardlineError('bad-config', message)

/** Which file to read: the flag, the environment, the usual places (non-empty files only). */
export function findConfigFile(flag: string | undefined, env: Environment): string | undefined {
  if (flag !== undefined && flag !== '') return flag
  const fromEnv = env.SHARDLINE_CONFIG_PATH ?? env.KAPACITOR_CONFIG_PATH
  if (fromEnv) return fromEnv
  const home = env.HOME ?? homedir()
  const usual = [
    join(home, '.shardline', 'shardline.conf'),
    '/etc/shardline/shardline.conf',
    join(home, '.kapacitor', 'kapacitor.conf'),
    '/etc/kapacitor/kapacitor.conf',
  ]
  return usual.find((path) => {
    const stat = statSync(path, { throwIfNoEntry: false })
    return stat?.isFile() === true && stat.size > 0
  })
}

/** `services` are sections that other parts describe, by name. */
export function loadConfig(file: string | undefined, env: Environment, services: Sections = {}): Loaded {
  let source = ''
  if (file !== undefined) {
    try {
      source = readFileSync(file, 'utf8')
    } catch (err) {
      throw bad(`parse config: ${openError(file, err)}`)
    }
  }
  return { ...parseConfig(source, env, services), file }
}

function openError(file: string, err: unknown): string {
  const code = (err as NodeJS.ErrnoException).code
  if (code === 'ENOENT') return `open ${file}: no such file or directory`
  if (code === 'EACCES') return `open ${file}: permission denied`
  if (code === 'EISDIR') return `read ${file}: is a directory`
  return errorText(err)
}

export function parseConfig(
  source: string,
  env: Environment,
  services: Sections = {},
): { config: Config; warnings: string[] } {
  const warnings: string[] = []
  const raw = parseFile(source)
  const scalars: Table = {}
  for (const [key, value] of Object.entries(raw)) if (Object.hasOwn(top.options, key)) scalars[key] = value
  const result: Table = readSection(top, scalars, ['', ''], env, warnings)

  for (const [name, section] of Object.entries(sections)) {
    result[name] = readSection(section, tableOf(name, raw[name]), [name, ''], env, warnings)
  }
  for (const [name, section] of Object.entries(lists)) result[name] = readList(name, section, raw[name], env, warnings)

  const serviceValues: Record<string, Table[]> = {}
  for (const [name, section] of Object.entries(services)) {
    serviceValues[name] =
      section.list === true
        ? readList(name, section, raw[name], env, warnings)
        : [readSection(section, tableOf(name, raw[name]), [name, ''], env, warnings)]
  }
  result.services = serviceValues

  const foreign: Table = {}
  for (const [name, value] of Object.entries(raw)) {
    if ([top.options, sections, lists, services].some((known) => Object.hasOwn(known, name))) continue
    if (foreignSections.has(name)) foreign[name] = value
    else warnings.push(`unknown ${isTable(value) || Array.isArray(value) ? 'section' : 'key'} ${name}`)
  }
  applyForeignEnvironment(foreign, env)
  result.foreign = foreign
  validate(result as unknown as Config)
  return { config: result as unknown as Config, warnings }
}

function parseFile(source: string): Table {
  try {
    return parseToml(source) as Table
  } catch (err) {
    if (!(err instanceof TomlError)) throw err
    const reason = err.message.split('\n')[0].replace('Invalid TOML document: ', '')
    throw bad(`parse config: line ${err.line}, column ${err.column}: ${reason}`)
  }
}

const isTable = (v: unknown): v is Table => typeof v === 'object' && v !== null && !Array.isArray(v)

function tableOf(name: string, value: unknown): Table {
  if (value === undefined) return {}
  if (isTable(value)) return value
  throw bad(`parse config: ${name}: want a section`)
}

/** `[section, index]` of an environment variable; index '' for single sections. */
type Path = readonly [string, string]

function readSection(section: Section, table: Table, path: Path, env: Environment, warnings: string[]): Table {
  const out: Table = {}
  const [name] = path
  const where = name === '' ? '' : `${name}.`
  for (const [key, option] of Object.entries(section.options)) {
    const raw = table[key] ?? option.default
    try {
      out[key] = readOption(option, raw)
    } catch (err) {
      throw bad(`parse config: ${where}${key}: ${errorText(err)}, got ${JSON.stringify(raw)}`)
    }
    const variable = findVariable([...path, key], env)
    if (variable !== undefined) {
      try {
        out[key] =
          option.type === 'strings'
            ? out[key]
            : readEnvironment(option, env[variable] ?? '', variable, goFieldName(key))
      } catch (err) {
        throw bad(`apply env config: ${errorText(err)}`)
      }
    }
    if (option.type === 'strings') out[key] = overrideItems(out[key] as string[], [...path, key], env)
  }
  for (const key of Object.keys(table)) if (!(key in section.options)) warnings.push(`unknown key ${where}${key}`)
  return out
}

/** One entry starts from the defaults; of several, each starts from zero values but for a few (as the original does). */
const keptInSeveral = new Set([
  'udp-buffer',
  'startup-timeout',
  'subscription-protocol',
  'subscription-mode',
  'subscriptions-sync-interval',
  'buffer',
])

const zeroOf: Record<string, unknown> = {
  string: '',
  bool: false,
  int: 0,
  float: 0,
  duration: '0s',
  bytes: 0,
  strings: [],
  stringLists: {},
  stringMap: {},
}

function readList(name: string, section: Section, raw: unknown, env: Environment, warnings: string[]): Table[] {
  const entries = raw === undefined ? [] : Array.isArray(raw) ? raw : [raw]
  const zero: Table = {}
  if (entries.length > 1) {
    for (const [key, option] of Object.entries(section.options)) {
      if (!keptInSeveral.has(key) && option.type in zeroOf) zero[key] = zeroOf[option.type]
    }
  }
  return entries.map((entry, i) =>
    readSection(section, { ...zero, ...tableOf(`${name}[${i}]`, entry) }, [name, String(i)], env, warnings),
  )
}

function overrideItems(items: readonly string[], path: readonly string[], env: Environment): string[] {
  return items.map((item, i) => {
    const variable = findVariable([...path, String(i)], env)
    return variable === undefined ? item : (env[variable] ?? item)
  })
}

/** The set variable that overrides a path; empty counts as unset. SHARDLINE_ wins over KAPACITOR_. */
function findVariable(path: readonly string[], env: Environment): string | undefined {
  const tail = path
    .filter((p) => p !== '')
    .join('_')
    .toUpperCase()
    .replaceAll('-', '_')
  return [`SHARDLINE_${tail}`, `KAPACITOR_${tail}`].find((name) => env[name] !== undefined && env[name] !== '')
}

const goFieldName = (key: string): string =>
  key
    .split(/[-_]/)
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('')

/** Sections without a table of options: a variable replaces a key that is in the file, or adds one to a single section. */
function applyForeignEnvironment(foreign: Table, env: Environment): void {
  for (const name of foreignSections) {
    const prefix = `KAPACITOR_${name.toUpperCase().replaceAll('-', '_')}_`
    for (const [variable, value] of Object.entries(env)) {
      if (!variable.startsWith(prefix) || value === undefined || value === '') continue
      const rest = variable.slice(prefix.length)
      const index = /^(\d+)_/.exec(rest)
      const current = foreign[name]
      const table = Array.isArray(current)
        ? (current[index === null ? 0 : Number(index[1])] as Table | undefined)
        : ((foreign[name] ??= {}) as Table)
      if (table === undefined) continue
      const key = (index === null ? rest : rest.slice(index[0].length)).toLowerCase().replaceAll('_', '-')
      table[key] = value === 'true' ? true : value === 'false' ? false : /^\d+$/.test(value) ? Number(value) : value
    }
  }
}

function validate(config: Config): void {
  const invalid = (text: string): never => {
    throw bad(`create server: ${text}`)
  }
  const advice = 'To generate a valid configuration file run `shardlined config > shardline.conf`.'
  if (config.hostname === '') invalid(`invalid configuration: must configure valid hostname. ${advice}`)
  if (config.data_dir === '') invalid(`invalid configuration: must configure valid data dir. ${advice}`)
  splitAddress(config.http['bind-address'])
  if (config.load.enabled && !config.load.dir.startsWith('/')) invalid('dir must be an absolute path')
  if (config.http['auth-enabled'] && config.http['shared-secret'] === '') {
    invalid('http.auth-enabled needs http.shared-secret: without it every token would be valid')
  }
  positive('engine', config.engine, ['slots', 'slot-size', 'ring-entries', 'shard-memory', 'max-body-size'])
  positive('requests', config.requests, ['max-requests', 'max-per-task', 'max-per-host', 'queued-bytes'])
  if (config.engine.shards < 0 || config.engine.shards > 256) invalid('engine.shards must be between 0 and 256')
  const ring = config.engine['ring-entries']
  if ((ring & (ring - 1)) !== 0) invalid(`engine.ring-entries must be a power of two, got ${ring}`)
  validateClusters(config.influxdb, invalid)
  validateListeners(config.udp, invalid)
}

function positive<S extends object>(name: string, section: S, keys: readonly (keyof S & string)[]): void {
  for (const key of keys) {
    if (Number(section[key]) <= 0) throw bad(`create server: ${name}.${key} must be greater than 0`)
  }
}

function validateClusters(clusters: readonly InfluxDBConfig[], invalid: (text: string) => never): void {
  const names = new Set<string>()
  for (const c of clusters) {
    if (names.has(c.name)) invalid(`duplicate name ${JSON.stringify(c.name)} for influxdb configs`)
    names.add(c.name)
  }
  const enabled = clusters.filter((c) => c.enabled)
  if (enabled.length > 1 && !enabled.some((c) => c.default)) {
    invalid('at least one of the enabled InfluxDB clusters must be marked as default.')
  }
}

function validateListeners(listeners: readonly UdpConfig[], invalid: (text: string) => never): void {
  for (const u of listeners) {
    if (!u.enabled) continue
    if (u['bind-address'] === '') invalid('bind address has to be specified in config')
    if (u.database === '') invalid('database has to be specified in config')
  }
}

/** `host:port`, `:port`, `[v6]:port`. */
export function splitAddress(address: string): { host: string; port: number } {
  const m = /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(address)
  if (m === null || Number(m[3]) > 65535) {
    const why = address.includes(':')
      ? `address ${address}: invalid port`
      : `address ${address}: missing port in address`
    throw bad(`create server: invalid http bind address ${address}: ${why}`)
  }
  return { host: m[1] ?? m[2] ?? '', port: Number(m[3]) }
}

/** All options with their sections, for the printed default and the reference. */
export function* allSections(services: Sections = {}): Generator<readonly [string, Section<Options>]> {
  yield ['', top]
  for (const entry of Object.entries(sections)) yield entry
  for (const entry of Object.entries(lists)) yield entry
  for (const entry of Object.entries(services)) yield entry
}
