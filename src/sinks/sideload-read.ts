/** Reads sideload sources: a directory tree of YAML and JSON files, or one JSON object over HTTP. Thread: main. */
import { lstat, readdir } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { parse as parseYaml } from 'yaml'
import { errorText, ShardlineError } from '../errors.js'
import type { HttpClient } from '../net/http-client.js'

import { readRegular } from '../regular-file.js'

/** Path below the source → the values of the file. */
export type SideloadFiles = ReadonlyMap<string, Readonly<Record<string, unknown>>>

/** All files of a source together; more would not belong into memory. */
const maxSourceBytes = 64 * 1024 * 1024

/** Files with other extensions count as empty. A path that starts with a dot fails the whole source, as in the original. */
export async function readTree(root: string): Promise<SideloadFiles> {
  const files = new Map<string, Record<string, unknown>>()
  let bytes = 0
  const walk = async (path: string, relative: string): Promise<void> => {
    const stat = await goError('lstat', path, lstat(path))
    if (relative.startsWith('.')) throw new Error(`file name ${JSON.stringify(relative)} starts with a dot`)
    if (stat.isDirectory()) {
      const names = (await goError('open', path, readdir(path))).sort()
      for (const name of names) await walk(join(path, name), relative === '' ? name : `${relative}/${name}`)
      return
    }
    const parse = parsers[extname(path)]
    if (relative === '' || parse === undefined) return
    bytes += stat.size
    if (bytes > maxSourceBytes) throw new Error(`source is larger than ${maxSourceBytes} bytes`)
    const text = (await goError('open', path, readRegular(path))).toString()
    files.set(relative, mapOf(text, parse, path))
  }
  await walk(root, '')
  return files
}

export interface JsonSource {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** '' = none. */
  readonly authorization: string
}

/** One GET of `{ "<path>": { key: value } }`. */
export async function readJsonSource(http: HttpClient, source: JsonSource, deadlineMs: number): Promise<SideloadFiles> {
  const { url, authorization } = source
  const headers: Record<string, string> = { ...source.headers }
  if (authorization !== '') headers.Authorization = authorization
  const limits = { deadlineMs, maxAnswerBytes: maxSourceBytes, maxRedirects: 10 }
  const { status, body } = await http.send({ method: 'GET', url, headers, ...limits })
  if (status < 200 || status > 299) throw new Error(`Get ${JSON.stringify(url)}: status ${status}`)
  const files = new Map<string, Record<string, unknown>>()
  for (const [path, values] of Object.entries(mapOf(body.toString(), parseJson, url))) {
    if (!isMap(values)) throw new Error(`${JSON.stringify(path)} of ${url} is not a map`)
    files.set(path, values)
  }
  return files
}

const parseJson = (text: string): unknown => JSON.parse(text)

/** As go-yaml reads it: YAML 1.1 without times. */
const parseYaml11 = (text: string): unknown =>
  parseYaml(text, {
    version: '1.1',
    schema: 'yaml-1.1',
    merge: true,
    customTags: (tags) =>
      tags.filter((t) => typeof t === 'string' || (t.tag !== 'tag:yaml.org,2002:timestamp' && !isSexagesimal(t))),
  })

const isSexagesimal = (tag: object): boolean => 'format' in tag && tag.format === 'TIME'

const parsers: Readonly<Record<string, (text: string) => unknown>> = {
  '.yml': parseYaml11,
  '.yaml': parseYaml11,
  '.json': parseJson,
}

const isMap = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v)

function mapOf(text: string, parse: (text: string) => unknown, path: string): Record<string, unknown> {
  let value: unknown
  try {
    value = parse(text)
  } catch (err) {
    throw new Error(`failed to parse ${path}: ${errorText(err)}`)
  }
  if (value === null || value === undefined) return {}
  if (!isMap(value)) throw new Error(`failed to parse ${path}: not a map`)
  return value
}

/** The errors of the file system as Go words them. */
async function goError<T>(op: string, path: string, result: Promise<T>): Promise<T> {
  try {
    return await result
  } catch (err) {
    if (err instanceof ShardlineError) throw err
    const { code } = err as NodeJS.ErrnoException
    const texts: Record<string, string> = { ENOENT: 'no such file or directory', EACCES: 'permission denied' }
    throw new Error(`${op} ${path}: ${texts[code ?? ''] ?? errorText(err)}`)
  }
}
