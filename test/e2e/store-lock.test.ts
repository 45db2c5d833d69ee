/** Two servers must not share a store: both would run every task. */
import { expect, it } from 'vitest'
import { runDaemon, TestServer } from './server.js'

it('a second server on the same store refuses to start; after a crash of the first it starts', async () => {
  const first = await TestServer.start()
  try {
    const second = await runDaemon(['-config', `${first.dir}/shardline.conf`], {
      SHARDLINE_HTTP_BIND_ADDRESS: '127.0.0.1:0',
    })
    expect(second.code).toBe(1)
    expect(second.stdout + second.stderr).toContain('is in use by another server')
    expect((await first.json('GET', '/tasks')).status).toBe(200)
    await first.crash()
    const again = await TestServer.start({ dir: first.dir })
    await again.stop()
  } finally {
    await first.stop()
  }
})
