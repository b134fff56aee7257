// verify: replays every journal and compares with the stored snapshots.

import type { Command } from './command.ts'
import { exit } from './exit.ts'
import { oneLine } from './output.ts'

export const command: Command = {
  name: 'verify',
  summary: 'Replay every journal and compare with the stored snapshots, byte for byte.',
  json: '{ ok, actors, events, different, notCheckable }',
  examples: ['signalbox verify'],
  run: async (context) => {
    const { output } = context
    const reader = await context.reader()
    let next = 1
    const result = reader.verify((done, total) => {
      // A line each ten percent, and none for what is over in a moment.
      if (total < 1_000 || done * 10 < total * next) return
      output.note(`${done} of ${total} actors`)
      next = Math.floor((done * 10) / total) + 1
    })
    const ok = result.different.length === 0
    output.document({ ok, ...result })
    for (const { address, seq, message } of result.different)
      output.line(`${output.style('red', 'DIFFERENT')}  ${address} at #${seq}: ${oneLine(message)}`)
    for (const { address, reason } of result.notCheckable)
      output.line(`${output.style('yellow', 'NOT CHECKABLE')}  ${address}: ${oneLine(reason)}`)
    const verdict = ok ? 'every snapshot is what its journal gives' : `${result.different.length} differ from their journals`
    output.line(`${result.actors} actors, ${result.events} events: ${verdict}.`)
    return ok ? exit.done : exit.attention
  },
}
