// explain KEY: why an issue is where it is and what would move it, as the machine computes it.

import { keyArgument } from './act.ts'
import type { Command } from './command.ts'
import { commands } from './commands.ts'
import { exit } from './exit.ts'
import { oneLine } from './output.ts'
import { clockOf, relative, waitText } from './text.ts'

export const command: Command = {
  name: 'explain',
  summary: 'Say why an issue is where it is and what would move it.',
  arguments: [keyArgument],
  flags: { all: { description: 'Also what would change nothing now, and what the machine says to itself' } },
  json: 'the explanation',
  examples: ['signalbox explain APP-1'],
  run: async (context) => {
    const { output } = context
    const key = context.required('KEY')
    const explanation = (await context.reader()).explain(key)
    const all = context.has('all')
    output.document(explanation)
    output.line(`${output.style('bold', explanation.key)} is ${explanation.phase} (${explanation.authority}).`)
    for (const { id, description } of explanation.states) output.line(`  ${id}${description ? `: ${oneLine(description)}` : ''}`)
    output.line()
    const isOver = explanation.phase === 'done' || explanation.phase === 'failed'
    const rest = isOver ? 'It is over.' : 'It waits for nobody: it moves by itself.'
    output.line(explanation.waitsFor.length > 0 ? 'It waits for' : rest)
    for (const wait of explanation.waitsFor) output.line(`  ${waitText(wait)}`)
    for (const { name, due } of explanation.timers) output.line(`  timer: ${name} ${relative(due)}`)
    if (explanation.actions.length > 0) output.line('\nWhat you can do')
    output.table(await Promise.all(explanation.actions.map((action) => rowOf(action, key))))
    const events = explanation.events.filter(({ type, enabled }) => all || (enabled && !isInternal(type)))
    if (events.length > 0) output.line('\nWhat would move it')
    output.table(
      distinct(
        events.map(({ type, by, enabled, target }) => [
          `  ${type}`,
          `by ${by}`,
          target === null ? '' : `→ ${target}`,
          enabled ? '' : 'not now',
        ]),
      ),
    )
    const closed = explanation.events.filter(({ type, enabled, guards }) => {
      // What only the event itself will tell holds nothing back.
      return (all || (!enabled && !type.startsWith('xstate.'))) && guards.some(({ holds }) => !holds)
    })
    if (closed.length > 0) output.line('\nWhat holds it back')
    for (const { type, guards } of closed) {
      for (const { name, reads } of guards.filter(({ holds }) => !holds)) {
        const values = Object.entries(reads).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
        output.line(`  ${type || 'always'}: not ${name}${values.length > 0 ? ` (${oneLine(values.join(', '))})` : ''}`)
      }
    }
    if (explanation.causes.length > 0) output.line('\nThe last causes')
    output.table(explanation.causes.map(({ seq, at, event, cause }) => [`  ${clockOf(at)}`, `#${seq}`, event.type, oneLine(cause)]))
    return exit.done
  },
}

/** What the machine does by itself or says to itself: nobody can cause it. */
const isInternal = (type: string): boolean => type === 'always' || type.startsWith('xstate.')

const distinct = (rows: string[][]): string[][] => [...new Map(rows.map((row) => [row.join('\0'), row])).values()]

/** What a command cannot do without, beside its arguments. */
const neededFlags: Readonly<Record<string, string>> = { 'request-changes': '--body T', push: '--branch NAME' }

/** The command line of an action, and what it does. */
async function rowOf(action: string, key: string): Promise<string[]> {
  const load = commands[action.replaceAll('_', '-').replace('pull-request', 'pr')]
  if (load === undefined) return [`  ${action}`, '']
  const { command } = await load()
  const words = (command.arguments ?? []).map(({ name }) => (name === 'KEY' ? key : name))
  return [`  ${['signalbox', command.name, ...words, neededFlags[command.name] ?? []].flat().join(' ')}`, command.summary]
}
