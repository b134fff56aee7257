// replay KEY: the snapshots of an issue and its children at a point, recomputed from the journal.

import { keyArgument } from './act.ts'
import { type Command, wrongUse } from './command.ts'
import { exit } from './exit.ts'
import { indent } from './output.ts'
import { valueText } from './text.ts'

export const command: Command = {
  name: 'replay',
  summary: 'Recompute the snapshot of an issue from its journal, as it is or as it was.',
  arguments: [keyArgument],
  flags: { at: { value: 'SEQ', description: 'After this entry of the journal; `signalbox timeline KEY` shows them' } },
  json: '{ key, at, snapshots }',
  examples: ['signalbox replay APP-1', 'signalbox replay APP-1 --at 120'],
  run: async (context) => {
    const key = context.required('KEY')
    const text = context.value('at')
    if (text !== undefined && !/^\d{1,15}$/.test(text))
      throw wrongUse('invalid-argument', `--at must be the number of a journal entry, not "${text}".`)
    const at = text === undefined ? undefined : Number(text)
    const reader = await context.reader()
    const snapshots = reader.snapshot(key, at)
    // Between its entries, which are numbered with those of all issues, a point is as good as at one of them.
    const reached = newest(snapshots)
    if (at !== undefined && at > reached && newest(reader.snapshot(key)) === reached)
      context.output.note(`The last entry of ${key} is #${reached}: there is nothing after it up to #${at}.`)
    context.output.document({ key, at: at ?? null, snapshots })
    for (const snapshot of snapshots) {
      context.output.line(context.output.style('bold', `${snapshot.address} at #${snapshot.seq}, ${snapshot.at} (${snapshot.status})`))
      context.output.line(`  ${valueText(snapshot.value)}`)
      context.output.line(indent(JSON.stringify(snapshot.context, null, 2)))
    }
    return exit.done
  },
}

const newest = (snapshots: { seq: number }[]): number => Math.max(...snapshots.map(({ seq }) => seq))
