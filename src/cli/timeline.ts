// timeline KEY: every event and transition of an issue, with cause and time.

import type { TimelineEntry } from '../app.ts'
import { keyArgument } from './act.ts'
import type { Command } from './command.ts'
import { exit } from './exit.ts'
import { follow } from './follow.ts'
import { oneLine, type Output } from './output.ts'
import { clockOf, valueText } from './text.ts'

export const command: Command = {
  name: 'timeline',
  summary: 'Show every event and transition of an issue, with cause and time.',
  arguments: [keyArgument],
  flags: { follow: { description: 'Go on with what happens next' } },
  json: '{ entries }; with --follow one line for each',
  examples: ['signalbox timeline APP-1', 'signalbox timeline APP-1 --follow'],
  run: async (context) => {
    const { output } = context
    const key = context.required('KEY')
    const reader = await context.reader()
    const entries = reader.timeline(key)
    print(entries, output)
    if (!context.has('follow')) {
      output.document({ key, entries })
      return exit.done
    }
    let since = printLines(entries, output, 0)
    return await follow(() => {
      const next = reader.timeline(key, { since })
      print(next, output)
      since = printLines(next, output, since)
      return undefined
    })
  },
}

function printLines(entries: TimelineEntry[], output: Output, since: number): number {
  for (const entry of entries) output.lineOfJson(entry)
  return entries.at(-1)?.seq ?? since
}

function print(entries: TimelineEntry[], output: Output): void {
  output.table(
    entries.map((entry) => [
      output.style('dim', clockOf(entry.at)),
      `#${entry.seq}`,
      // All of it is about this one issue.
      entry.address.replace(/^issue\/[^/]+\/?/, '') || 'issue',
      entry.ignored === undefined ? entry.event.type : output.style('dim', `${entry.event.type} (${entry.ignored})`),
      output.style('dim', `by ${oneLine(entry.cause)}`),
      entry.value === undefined ? '' : `→ ${valueText(entry.value)}`,
    ]),
  )
}
