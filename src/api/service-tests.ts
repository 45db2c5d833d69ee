/**
 * /kapacitor/v1/service-tests: whether the services of alert handlers, as they are configured, take what they are sent. Each
 * kind of handler brings its own test. Thread: main.
 */
import type { HandlerDef, ServiceTest } from '../alert-handlers/handler.js'
import { environmentOf, type HandlerParts, handlerDefs } from '../alert-handlers/registry.js'
import { compareBytewise, goJson } from '../columns/json-encode.js'
import { errorText, ShardlineError } from '../errors.js'
import { globMatcher, parseGlob } from '../go/glob.js'
import { decodeJson, type JsonMembers, membersOf } from '../go/json-members.js'
import { plainJson } from '../go/lossless-json.js'
import { basePath } from '../http/api.js'
import type { Call } from '../http/call.js'
import { jsonType } from '../http/call.js'
import type { Router } from '../http/router.js'
import { requestStruct } from './request-struct.js'

const path = `${basePath}/service-tests`
const prefix = `${path}/`
const maxRequestBytes = 1 << 20

interface Testable {
  readonly name: string
  readonly def: HandlerDef
  readonly test: ServiceTest
}

const testable: readonly Testable[] = handlerDefs
  .flatMap((def) => (def.section && def.test ? [{ name: def.section.name, def, test: def.test }] : []))
  .sort((a, b) => compareBytewise(a.name, b.name))

export function addServiceTests(router: Router, parts: HandlerParts): void {
  router.add('GET', path, (call) => {
    const pattern = call.query.get('pattern') ?? ''
    if (parseGlob(pattern) === null) throw new ShardlineError('bad-pattern', 'bad pattern: syntax error in pattern')
    const matches = globMatcher(pattern)
    const services = testable.filter(({ name }) => pattern === '' || matches(name)).map(viewOf)
    answer(call, { link: link(path), services })
  })
  router.add('GET', prefix, (call) => answer(call, viewOf(found(call))))
  router.add('POST', prefix, async (call) => {
    const { name, def, test } = found(call)
    const options = optionsOf(await call.body(maxRequestBytes), `${name}.testOptions`, test)
    try {
      await test.run(options, environmentOf(def, parts))
      answer(call, { success: true, message: '' })
    } catch (err) {
      answer(call, { success: false, message: errorText(err) })
    }
  })
}

const link = (href: string): unknown => ({ rel: 'self', href })

const viewOf = ({ name, test }: Testable): unknown => ({ link: link(prefix + name), name, options: test.options })

/** In one line, as the original answers here. */
function answer(call: Call, value: unknown): void {
  call.raw(200, jsonType, `${goJson(value)}\n`)
}

function found(call: Call): Testable {
  const name = call.rest(prefix)
  const service = testable.find((t) => t.name === name)
  if (service !== undefined) return service
  throw new ShardlineError('no-service', `service ${JSON.stringify(name)} not found`)
}

/** Nothing or null stands for the defaults. */
function optionsOf(body: Uint8Array, goType: string, { options }: ServiceTest): Record<string, unknown> {
  const struct = requestStruct(goType, Object.keys(options))
  const members = membersOf(body.length === 0 ? null : decodeJson(body, struct.fault), struct)
  const given = Object.entries(options).map(([name, initial]) => [name, typedValue(members, name, initial)] as const)
  return Object.fromEntries(given)
}

/** The given value when it has the type of the default. */
function typedValue(members: JsonMembers, name: string, initial: unknown): unknown {
  if (members.get(name) === undefined) return initial
  if (typeof initial === 'string') return members.string(name)
  if (typeof initial === 'boolean') return members.boolean(name)
  if (typeof initial === 'number') return members.number(name)
  if (Array.isArray(initial)) return members.list(name, '[]string').map(plainJson)
  return plainJson(members.map(name, 'map[string]string'))
}
