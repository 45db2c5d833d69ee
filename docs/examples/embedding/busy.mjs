// Who asks more than 100 times a minute? The alert of the README, in a program of one's own.
import { Engine } from 'shardline'

const engine = await Engine.start({ shards: 1 })
engine.onAlert(({ level, message }) => console.log(level, message))

await engine.define('busy', {
  dbrps: ['demo.autogen'],
  vars: { limit: { type: 'float', value: 100 } },
  script: `
    var limit = 0.0
    stream
        |from()
            .measurement('requests')
            .groupBy('ip')
        |window()
            .period(1m)
            .every(10s)
            .align()
        |sum('count')
            .as('total')
        |alert()
            .crit(lambda: "total" > limit)
            .message('{{ index .Tags "ip" }}: {{ index .Fields "total" }} requests in a minute')
            .stateChangesOnly()`,
})

const lines = []
for (let t = 1_700_000_000; t < 1_700_000_180; t++) {
  const n = t > 1_700_000_060 && t < 1_700_000_100 ? 5 : 1
  lines.push(`requests,ip=10.0.0.1 count=1 ${t}`, `requests,ip=10.0.0.2 count=${n} ${t}`)
}
await engine.write(lines.join('\n'), { db: 'demo', rp: 'autogen', precision: 's' })
await engine.close()
