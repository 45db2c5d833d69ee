/** `replay`: runs a task over a recording and waits for the end. */
import { parseGoFlags } from '../../flags.js'
import { type Command, UsageError } from '../command.js'
import { work } from '../resources.js'

export const replay: Command = {
  name: 'replay',
  summary: 'Replay a recording to a task.',
  usage: `Usage: shardline replay -task <task ID> -recording <recording ID> [options]

	Replay a recording to a copy of a task. Prints the ID of the replay. Its alerts are real.

Options:

  -no-wait
    	Do not wait for the replay to finish.
  -real-clock
    	If set, replay the data in real time. If not set replay data as fast as possible.
  -rec-time
    	If set, use the times saved in the recording instead of present times.
  -recording string
    	The recording ID.
  -replay-id string
    	The ID to give to this replay. If not set an random ID is chosen.
  -task string
    	The task ID.
`,
  async run(args, { client, out }) {
    const { strings, booleans } = parseGoFlags(args, {
      strings: ['task', 'recording', 'replay-id'],
      booleans: ['real-clock', 'rec-time', 'no-wait'],
    })
    const recording = strings.get('recording') ?? ''
    const task = strings.get('task') ?? ''
    if (recording === '') throw new UsageError('must pass recording ID')
    if (task === '') throw new UsageError('must pass task ID')
    const body = {
      id: strings.get('replay-id') ?? '',
      recording,
      task,
      'recording-time': booleans.has('rec-time'),
      clock: booleans.has('real-clock') ? 'real' : 'fast',
    }
    await work({ client, out }, 'replay', '/replays', body, !booleans.has('no-wait'))
  },
}
