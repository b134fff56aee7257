// feed: the activity stream for people.

import { existsSync } from 'node:fs'
import type { FeedEntry, Reader } from '../app.ts'
import { type Command, wrongUse } from './command.ts'
import { exit } from './exit.ts'
import { follow } from './follow.ts'
import { oneLine, type Output, type Style } from './output.ts'
import { clockOf } from './text.ts'

const levels = ['info', 'warn', 'error'] as const
const styles: Record<FeedEntry['level'], Style> = { info: 'dim', warn: 'yellow', error: 'red' }

export const command: Command = {
  name: 'feed',
  summary: 'Show what happened and who acts next, one sentence each.',
  flags: {
    follow: { description: 'Go on with what happens next' },
    lines: { value: 'N', description: 'How many of the last entries (200; 0 shows all)' },
    level: { value: 'L', choices: levels, description: 'Only this level and what is graver' },
  },
  json: '{ entries }; with --follow one line for each',
  examples: ['signalbox feed', 'signalbox feed --follow --level warn'],
  run: async (context) => {
    const { output } = context
    const count = context.value('lines') ?? '200'
    if (!/^\d{1,9}$/.test(count)) throw wrongUse('invalid-argument', `--lines must be a number, not "${count}".`)
    if (!existsSync(context.config().store.path)) {
      output.note('Nothing has happened yet: `signalbox start` makes the database.')
      if (!context.has('follow')) {
        output.document({ entries: [] })
        return exit.done
      }
    }
    const level = levels.find((name) => name === context.value('level'))
    const reader = await context.reader()
    const entries =
      count === '0' ? read(reader, 0, level) : reader.feed({ limit: Number(count), ...(level === undefined ? {} : { level }) })
    if (!context.has('follow')) {
      print(entries, output)
      output.document({ entries })
      return exit.done
    }
    let since = 0
    const show = (some: FeedEntry[]): undefined => {
      print(some, output)
      for (const entry of some) output.lineOfJson(entry)
      since = some.at(-1)?.seq ?? since
    }
    show(entries)
    return await follow(() => show(read(reader, since, level)))
  },
}

/** Everything after `since`, however many pages it takes. */
function read(reader: Reader, since: number, level: FeedEntry['level'] | undefined): FeedEntry[] {
  const all: FeedEntry[] = []
  for (;;) {
    const page = reader.feed({ since: all.at(-1)?.seq ?? since, limit: 1_000, ...(level === undefined ? {} : { level }) })
    all.push(...page)
    if (page.length < 1_000) return all
  }
}

function print(entries: FeedEntry[], output: Output): void {
  output.table(
    entries.map((entry) => [
      output.style('dim', clockOf(entry.at)),
      output.style(styles[entry.level], entry.level),
      output.style('bold', entry.issue),
      entry.phase,
      oneLine(entry.summary),
    ]),
  )
}
