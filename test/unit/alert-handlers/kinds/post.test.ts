import { describe, expect, it } from 'vitest'
import { Duration } from '../../../../src/columns/values.js'
import { delivery } from '../../alerts/events.js'
import { line, type Props, services, signal, useHandlers, useServer } from '../rig.js'

const { make } = useHandlers()
const server = useServer()
const ignore = () => {}

describe('post', () => {
  it('posts the line as JSON with the headers of the script', async () => {
    const h = make('post', {
      urls: [`${server.url}/x`, `${server.url}/second`],
      header: [
        ['x-one', '1'],
        ['Content-Type', 'text/plain'],
      ],
    })
    await h.deliver([delivery()], signal(), ignore)
    expect(server.requests).toHaveLength(1)
    expect(server.requests[0]).toMatchObject({ url: '/x', body: line })
    expect(server.requests[0].headers).toMatchObject({
      'x-one': '1',
      'content-type': 'application/json',
      'user-agent': 'Go-http-client/1.1',
    })
  })

  it('fills in the URL from the event', async () => {
    await make('post', { urls: [`${server.url}/u/{{ .ID }}/{{ .Level }}`] }).deliver([delivery()], signal(), ignore)
    expect(server.requests[0].url).toBe('/u/m:nil/CRITICAL')
  })

  it('uses the endpoint: url, headers, basic auth, template', async () => {
    const configs = services({
      httppost: [
        {
          endpoint: 'ep',
          url: `${server.url}/ep`,
          headers: { a: '1', b: '2' },
          'basic-auth': { username: 'u', password: 'p' },
          'alert-template':
            '{{ .ID }} {{ .PreviousLevel }} {{ range .Data.Series }}{{ .Name }}{{ range .Values }}{{ index . 1 }}{{ end }}{{ end }} {{ json .Recoverable }}',
        },
      ],
    })
    await make('post', { urls: [`${server.url}/no`], endpoint: 'ep', header: [['b', '3']] }, configs).deliver(
      [delivery({}, 1)],
      signal(),
      ignore,
    )
    expect(server.requests[0]).toMatchObject({ url: '/ep', body: 'm:nil INFO m9007199254740993 true\n' })
    expect(server.requests[0].headers).toMatchObject({
      a: '1',
      b: '3',
      authorization: `Basic ${Buffer.from('u:p').toString('base64')}`,
    })
    expect(server.requests[0].headers['content-type']).toBeUndefined()
    await make('post', { urls: [`${server.url}/fallback`], endpoint: 'unknown' }, configs).deliver(
      [delivery()],
      signal(),
      ignore,
    )
    expect(server.requests[1].url).toBe('/fallback')
    expect(() => make('post', { urls: [], endpoint: 'unknown' }, configs)).toThrow(
      'An appropriately formatted url must be specified',
    )
  })

  it('reports statuses outside 2xx, with the body when asked', async () => {
    const post = (props: Props) => make('post', props).deliver([delivery()], signal(), ignore)
    await expect(post({ urls: [`${server.url}/500`] })).rejects.toThrow(
      'code 500: unknown error, use .captureResponse()',
    )
    await expect(post({ urls: [`${server.url}/404`], captureResponse: true })).rejects.toThrow('code 404: answer text')
    await post({ urls: [`${server.url}/299`] })
    await expect(post({ urls: ['nope'] })).rejects.toThrow('invalid URL')
  })

  it('takes its timeout as deadline', async () => {
    const h = make('post', { urls: [`${server.url}/hang`], timeout: new Duration(50_000_000n) })
    expect(h.deadlineMs).toBe(50)
    await expect(h.deliver([delivery()], AbortSignal.timeout(h.deadlineMs), ignore)).rejects.toThrow()
  })
})
