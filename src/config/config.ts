/** The configuration as the rest of the server sees it: validated once, durations in ms, sizes in bytes. Thread: main, and the command line. */
import type { Section, Values } from './option.js'
import type { lists, sections, top } from './options.js'

type SectionValues = {
  readonly [K in keyof typeof sections]: (typeof sections)[K] extends Section<infer O> ? Values<O> : never
}
type ListValues = {
  readonly [K in keyof typeof lists]: (typeof lists)[K] extends Section<infer O> ? readonly Values<O>[] : never
}

export type Config = Values<typeof top.options> &
  SectionValues &
  ListValues & {
    /** Sections of alert services, which their handlers describe; a section that is no list has one entry. */
    readonly services: Services
    /** Other sections as they stand in the file (alert services, discoverers …), environment applied. */
    readonly foreign: Readonly<Record<string, unknown>>
  }

/** By the name of the section. */
export type Services = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>

export type InfluxDBConfig = ListValues['influxdb'][number]
export type UdpConfig = ListValues['udp'][number]
