import { describe, expect, it } from 'vitest'
import { delivery } from '../../alerts/events.js'
import { noServices, type Props, services, signal, useHandlers, useServer } from '../rig.js'

const { make } = useHandlers()
const server = useServer()
const ignore = () => {}

describe('slack', () => {
  const configs = (sections: unknown) => services({ slack: sections })

  it('posts the message as an attachment', async () => {
    const c = configs([{ enabled: true, url: `${server.url}/slack`, channel: '#general' }])
    await make('slack', { channel: '#c' }, c).deliver([delivery({ message: 'a "b" <c>' })], signal(), ignore)
    await make('slack', {}, c).deliver([delivery({ level: 2 })], signal(), ignore)
    await make('slack', { username: 'u', iconEmoji: ':x:' }, c).deliver([delivery({ level: 0 })], signal(), ignore)
    expect(server.requests[0].body).toBe(
      '{"as_user":false,"attachments":[{"fallback":"a \\"b\\" \\u003cc\\u003e","color":"danger","text":"a \\"b\\" \\u003cc\\u003e","mrkdwn_in":["text"]}],"channel":"#c","icon_emoji":"","text":"","username":""}\n',
    )
    expect(JSON.parse(server.requests[1].body)).toMatchObject({
      channel: '#general',
      attachments: [{ color: 'warning' }],
    })
    expect(JSON.parse(server.requests[2].body)).toMatchObject({
      username: 'u',
      icon_emoji: ':x:',
      attachments: [{ color: 'good' }],
    })
  })

  it('chooses the section by workspace', async () => {
    const c = configs([
      { enabled: true, default: true, workspace: 'one', url: `${server.url}/one` },
      { enabled: true, workspace: 'two', url: `${server.url}/two` },
      { enabled: false, workspace: 'off', url: `${server.url}/off` },
    ])
    const send = (props: Props, with_ = c) => make('slack', props, with_).deliver([delivery()], signal(), ignore)
    await send({})
    await send({ workspace: 'two' })
    expect(server.requests.map((r) => r.url)).toEqual(['/one', '/two'])
    await expect(send({ workspace: 'three' })).rejects.toThrow('workspace id not found')
    await expect(send({ workspace: 'off' })).rejects.toThrow('service is not enabled')
    await expect(send({}, noServices)).rejects.toThrow('no slack configuration found')
  })

  it('reports what slack answers', async () => {
    const send = (path: string) =>
      make('slack', {}, configs([{ enabled: true, url: server.url + path }])).deliver([delivery()], signal(), ignore)
    await expect(send('/404/error')).rejects.toThrow(/^channel_not_found$/)
    await expect(send('/500')).rejects.toThrow('failed to understand Slack response. code: 500 content: answer text')
  })

  it('checks the sections', () => {
    expect(() => configs([{ workspace: 'a' }, { workspace: 'b' }])).toThrow('must be default')
    expect(() => configs([{ default: true }, { workspace: 'b' }])).toThrow('workspace')
  })
})
