/** The configuration as text: the commented default, the effective values, and the reference page. Thread: main, and the command line. */
import { goDuration } from '../go/go-duration.js'
import type { Config } from './config.js'
import { allSections, type Sections } from './load.js'
import type { Option, Section } from './option.js'

function tomlValue(value: unknown): string {
  if (typeof value === 'string')
    return value.includes('\\') || value.includes("'") ? JSON.stringify(value) : `"${value.replaceAll('"', '\\"')}"`
  if (Array.isArray(value)) return `[${value.map(tomlValue).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([k, v]) => `${JSON.stringify(k)} = ${tomlValue(v)}`)
    return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
  }
  return String(value)
}

/** Parsed values back in the form of the file. */
function fileValue(option: Option<unknown>, value: unknown): unknown {
  if (option.type === 'duration') return goDuration(BigInt(Math.round(Number(value) * 1e6)))
  if (option.type === 'bytes') {
    const n = Number(value)
    return n > 0 && n % (1 << 20) === 0 ? `${n / (1 << 20)}mb` : n > 0 && n % 1024 === 0 ? `${n / 1024}kb` : n
  }
  return value
}

/** The default configuration, every option with its comment. Lists are printed as comments. */
export function printDefaultConfig(services: Sections = {}): string {
  const out: string[] = ['# Configuration of shardlined. Every value below is the default.', '']
  for (const [name, section] of allSections(services)) {
    const lead = section.list === true ? '# ' : ''
    if (name !== '') out.push(`# ${section.doc}`, `${lead}${section.list === true ? `[[${name}]]` : `[${name}]`}`)
    for (const [key, option] of Object.entries(section.options)) {
      const indent = name === '' ? '' : '  '
      out.push(`${lead}${indent}# ${option.doc}`, `${lead}${indent}${key} = ${tomlValue(option.default)}`)
    }
    out.push('')
  }
  return `${out.join('\n').trimEnd()}\n`
}

/** What is in force, without comments; secrets as they are, as the original prints them. */
export function printEffectiveConfig(config: Config, services: Sections = {}): string {
  const out: string[] = []
  for (const [name, section] of allSections(services)) {
    const values = valuesOf(config, name, section)
    for (const value of values) {
      if (name !== '') out.push('', section.list === true ? `[[${name}]]` : `[${name}]`)
      for (const [key, option] of Object.entries(section.options)) {
        const v = fileValue(option, (value as Record<string, unknown>)[key])
        out.push(`${name === '' ? '' : '  '}${key} = ${tomlValue(v)}`)
      }
    }
  }
  return `${out.join('\n')}\n`
}

function valuesOf(config: Config, name: string, section: Section): readonly object[] {
  if (name === '') return [config]
  const service = config.services[name]
  if (service !== undefined) return service
  return section.list === true ? config[name as 'udp'] : [config[name as 'http']]
}

/** The reference page, Markdown. */
export function configReference(services: Sections = {}): string {
  const out = ['# Configuration', '']
  for (const [name, section] of allSections(services)) {
    if (name !== '') out.push(`## ${section.list === true ? `[[${name}]]` : `[${name}]`}`, '', section.doc, '')
    out.push(...optionTable(section), '')
  }
  return out.join('\n')
}

/** The options of a section as a table, Markdown. */
export function optionTable(section: Section): string[] {
  const out = ['| key | type | default | meaning |', '| --- | --- | --- | --- |']
  for (const [key, option] of Object.entries(section.options)) {
    const type = option.choices === undefined ? option.type : option.choices.map((c) => `\`${c}\``).join(', ')
    const cells = [`\`${key}\``, type, `\`${tomlValue(option.default)}\``, option.doc]
    out.push(`| ${cells.map((c) => c.replaceAll('|', '\\|')).join(' | ')} |`)
  }
  return out
}
