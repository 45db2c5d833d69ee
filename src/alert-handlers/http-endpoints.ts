/**
 * `[[httppost]]`: endpoints that `post` handlers, httpPost nodes and sideload nodes name. Their template files are read when the
 * server starts, so that a wrong one is heard of, and again whenever a task or handler that uses one starts. Thread: any.
 */
import { isAbsolute } from 'node:path'
import { stringMap, text, type Values } from '../config/option.js'
import { errorText, ShardlineError } from '../errors.js'
import { basicAuth } from '../net/basic-auth.js'
import { readRegularSync } from '../regular-file.js'

export const endpointSection = {
  endpoint: text('', 'Name in scripts and handler specs.'),
  url: text('', 'Address; a template over the event, or over the row for httpPost.'),
  'url-template': text('', 'The same.'),
  headers: stringMap({}, 'Request headers.'),
  'basic-auth': stringMap({}, '`{ username = "", password = "" }`; used when both are set.'),
  'alert-template': text('', 'Template of the body of `post`; empty: the event as JSON.'),
  'alert-template-file': text('', 'The same in a file, an absolute path.'),
  'row-template': text('', 'Template of the body of httpPost; empty: the row as JSON.'),
  'row-template-file': text('', 'The same in a file, an absolute path.'),
}

export type EndpointSection = Values<typeof endpointSection>

export interface HttpEndpoint {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** '' = none. */
  readonly authorization: string
  /** undefined = JSON. */
  readonly alertTemplate?: EndpointTemplate
  readonly rowTemplate?: EndpointTemplate
}

export interface EndpointTemplate {
  readonly source: string
  /** It stands in the configuration: then it has the function `json`. */
  readonly isInline: boolean
}

/** undefined: there is none of this name. Throws when a template file cannot be read. */
export function endpointOf(sections: readonly EndpointSection[], name: string): HttpEndpoint | undefined {
  const section = name === '' ? undefined : sections.find((s) => s.endpoint === name)
  return section && readEndpoint(section)
}

/** Throws what keeps the server from starting. */
export function checkEndpoints(sections: readonly EndpointSection[]): void {
  for (const section of sections) readEndpoint(section)
}

function readEndpoint(section: EndpointSection): HttpEndpoint {
  const { username = '', password = '' } = section['basic-auth']
  return {
    url: section.url || section['url-template'],
    headers: section.headers,
    authorization: username !== '' && password !== '' ? basicAuth(username, password) : '',
    alertTemplate: templateOf('alert-template', section['alert-template'], section['alert-template-file']),
    rowTemplate: templateOf('row-template', section['row-template'], section['row-template-file']),
  }
}

function templateOf(option: string, inline: string, file: string): EndpointTemplate | undefined {
  if (file === '') return inline === '' ? undefined : { source: inline, isInline: true }
  if (!isAbsolute(file)) {
    throw new ShardlineError('bad-config', `must use an absolute path for ${option}-file: ${file}`)
  }
  try {
    const source = readRegularSync(file).toString()
    return source === '' ? undefined : { source, isInline: false }
  } catch (err) {
    throw new ShardlineError('bad-config', `failed to read template file: ${errorText(err)}`)
  }
}
