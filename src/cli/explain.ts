// explain KEY: why an issue is where it is and what would move it, as the machine computes it.

import { keyArgument } from './act.ts'
import type { Command } from './command.ts'
import { exit } from './exit.ts'
import { oneLine } from './output.ts'
import { clockOf, relative, waitText } from './text.ts'

export const command: Command = {
  name: 'explain',
  summary: 'Say why an issue is where it is and what would move it.',
  arguments: [keyArgument],
  flags: { all: { description: 'Also list the events that would change nothing now' } },
  json: 'the explanation',
  examples: ['signalbox explain APP-1'],
  run: async (context) => {
    const { output } = context
    const explanation = (await context.reader()).explain(context.required('KEY'))
    output.document(explanation)
    output.line(`${output.style('bold', explanation.key)} is ${explanation.phase} (${explanation.authority}).`)
    for (const { id, description } of explanation.states) output.line(`  ${id}${description ? `: ${oneLine(description)}` : ''}`)
    output.line()
    output.line(explanation.waitsFor.length > 0 ? 'It waits for' : 'It waits for nobody: it moves by itself.')
    for (const wait of explanation.waitsFor) output.line(`  ${waitText(wait)}`)
    for (const { name, due } of explanation.timers) output.line(`  timer: ${name} ${relative(due)}`)
    const events = explanation.events.filter(({ enabled }) => enabled || context.has('all'))
    if (events.length > 0) output.line('\nWhat would move it')
    output.table(
      events.map(({ type, by, enabled, target }) => [
        `  ${type}`,
        `by ${by}`,
        target === null ? '' : `→ ${target}`,
        enabled ? '' : 'not now',
      ]),
    )
    const closed = explanation.events.filter(({ guards }) => guards.some(({ holds }) => !holds))
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
