/** The kinds of alert handlers, and the handlers made of them. Thread: any; `create…` on main. */
import type { Services } from '../config/config.js'
import type { Sections } from '../config/load.js'
import { errorText, ShardlineError } from '../errors.js'
import type { HandlerDef as ScriptMethod } from '../tickscript/node-def.js'
import { type AlertHandler, defaultDeadlineMs, type HandlerDef, type HandlerEnv } from './handler.js'
import { aggregate } from './kinds/aggregate.js'
import { alerta } from './kinds/alerta.js'
import { discord } from './kinds/discord.js'
import { email } from './kinds/email.js'
import { exec } from './kinds/exec.js'
import { hipChat } from './kinds/hip-chat.js'
import { kafka } from './kinds/kafka.js'
import { log } from './kinds/log.js'
import { mqtt } from './kinds/mqtt.js'
import { opsGenie } from './kinds/ops-genie.js'
import { opsGenie2 } from './kinds/ops-genie2.js'
import { pagerDuty } from './kinds/pager-duty.js'
import { pagerDuty2 } from './kinds/pager-duty2.js'
import { post } from './kinds/post.js'
import { publish } from './kinds/publish.js'
import { pushover } from './kinds/pushover.js'
import { sensu } from './kinds/sensu.js'
import { serviceNow } from './kinds/service-now.js'
import { slack } from './kinds/slack.js'
import { snmpTrap } from './kinds/snmp-trap.js'
import { talk } from './kinds/talk.js'
import { tcp } from './kinds/tcp.js'
import { teams } from './kinds/teams.js'
import { telegram } from './kinds/telegram.js'
import { victorOps } from './kinds/victor-ops.js'
import { optionValues, scriptMethod } from './script-methods.js'
import { decodeOptions } from './spec-options.js'

/** In the order of the reference. */
export const handlerDefs: readonly HandlerDef[] = [
  log,
  exec,
  post,
  tcp,
  slack,
  email,
  discord,
  telegram,
  teams,
  hipChat,
  alerta,
  sensu,
  pagerDuty,
  pagerDuty2,
  opsGenie,
  opsGenie2,
  victorOps,
  pushover,
  talk,
  serviceNow,
  kafka,
  mqtt,
  snmpTrap,
  publish,
  aggregate,
]

const byKind = new Map(handlerDefs.map((def) => [def.kind, def]))

export function handlerDef(kind: string): HandlerDef | undefined {
  return byKind.get(kind)
}

/** The methods of alert nodes. */
export const scriptMethods: readonly ScriptMethod[] = handlerDefs.flatMap((def) => scriptMethod(def) ?? [])

/** For the table of the configuration's options. */
export const handlerSections: Sections = Object.fromEntries(
  handlerDefs.flatMap(({ section }) => (section === undefined ? [] : [[section.name, section]])),
)

/** Throws what keeps the server from starting. */
export function checkSections(services: Services): void {
  for (const { section } of handlerDefs) section?.check?.(services[section.name] ?? [])
}

/** What handlers are made with. */
export interface HandlerParts extends Omit<HandlerEnv, 'config'> {
  readonly services: Services
}

type Props = Readonly<Record<string, unknown>>

/** What `shardline check` finds too: all that needs no configuration. Throws what a task answers at its start. */
export function checkScriptHandler(kind: string, props: Props): void {
  const def = known(kind)
  const values = optionValues(def, props)
  def.script?.check?.(values)
  startOf(def, () => def.check?.(values))
}

/** The handler of a script's call. Throws what the start of the task answers. */
export function createScriptHandler(kind: string, props: Props, parts: HandlerParts): AlertHandler {
  const def = known(kind)
  const values = optionValues(def, props)
  def.script?.check?.(values)
  return startOf(def, () => made(def, values, parts))
}

/** The handler of a spec. Throws 500. */
export function createSpecHandler(kind: string, options: Props, parts: HandlerParts): AlertHandler {
  const def = known(kind)
  const values = decodeOptions(def, options)
  def.define?.(values)
  return made(def, values, parts)
}

/** Topics that the handler of a spec hands events on to. */
export function specTargets(kind: string, options: Props): readonly string[] {
  const def = known(kind)
  return def.targets?.(decodeOptions(def, options)) ?? []
}

/** Kinds that every alert node gets where its script does not name them, and whether they make it send changes only. */
export function globalHandlers(services: Services): {
  readonly implicit: string[]
  readonly stateChangesOnly: boolean
} {
  const implicit: string[] = []
  let stateChangesOnly = false
  for (const { kind, section, isPending } of handlerDefs) {
    const found = isPending === true ? undefined : section?.global?.(services[section.name] ?? [])
    if (found?.isImplicit === true) implicit.push(kind)
    stateChangesOnly ||= found?.stateChangesOnly === true
  }
  return { implicit, stateChangesOnly }
}

/** Kinds whose section is enabled though their events do not go out yet. */
export function pendingServices(services: Services): string[] {
  const enabled = (def: HandlerDef): boolean =>
    services[def.section?.name ?? '']?.some((s) => s.enabled === true) ?? false
  return handlerDefs.filter((def) => def.isPending === true && enabled(def)).map((def) => def.kind)
}

/** What a definition's functions get. */
export function environmentOf(def: HandlerDef, { services, ...parts }: HandlerParts): HandlerEnv<never> {
  const { section } = def
  return { ...parts, config: () => (section === undefined ? [] : (services[section.name] ?? [])) as never[] }
}

function made(def: HandlerDef, values: Record<string, unknown>, parts: HandlerParts): AlertHandler {
  def.check?.(values)
  const deliverer = def.create(values, environmentOf(def, parts))
  return { maxBatch: 1, deadlineMs: defaultDeadlineMs, ...deliverer, kind: def.kind }
}

function startOf<T>({ script }: HandlerDef, start: () => T): T {
  if (script?.failure === undefined) return start()
  try {
    return start()
  } catch (err) {
    const code = err instanceof ShardlineError ? err.code : 'bad-handler'
    throw new ShardlineError(code, `${script.failure}: ${errorText(err)}`, 500)
  }
}

function known(kind: string): HandlerDef {
  const def = byKind.get(kind)
  if (def === undefined) throw new ShardlineError('unsupported-handler', `unsupported action kind "${kind}"`)
  return def
}
