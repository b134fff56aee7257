// costs [PROJECT]: what runs have used, by project and day, by issue or by run.

import { existsSync } from 'node:fs'
import type { Costs } from '../app.ts'
import { projectArgument } from './act.ts'
import { type Command, wrongUse } from './command.ts'
import { exit } from './exit.ts'
import type { Output } from './output.ts'

const kinds = ['day', 'issue', 'run'] as const

export const command: Command = {
  name: 'costs',
  summary: 'Show what runs have cost: by project and day, by issue, or by run.',
  arguments: [projectArgument],
  flags: {
    days: { value: 'N', description: 'Of so many days in UTC, today included (7)' },
    by: { value: 'WHAT', choices: kinds, description: 'One line for each of these (day)' },
  },
  json: '{ by, from, costs: [{ day | key | run, project, runs, usage }], total }',
  examples: ['signalbox costs', 'signalbox costs app --days 30 --by issue'],
  run: async (context) => {
    const { output } = context
    const days = context.value('days') ?? '7'
    if (!/^[1-9]\d{0,4}$/.test(days)) throw wrongUse('invalid-argument', `--days must be a number of days, not "${days}".`)
    const by = kinds.find((kind) => kind === context.value('by')) ?? 'day'
    const project = context.value('PROJECT')
    if (!existsSync(context.config().store.path)) {
      output.note('Nothing has run yet: `signalbox start` makes the database.')
      output.document({ by, from: null, costs: [], total: null })
      return exit.done
    }
    const costs = (await context.reader()).costs({ by, days: Number(days), ...(project === undefined ? {} : { project }) })
    print(costs, output)
    output.document(costs)
    return exit.done
  },
}

function print({ by, from, costs, total }: Costs, output: Output): void {
  if (costs.length === 0) return output.note(`Nothing was used since ${from}.`)
  const names = { day: ['day', 'project'], issue: ['key', 'project'], run: ['key', 'run', 'type', 'agent'] } as const
  const heading = [...names[by].map((name) => name.toUpperCase()), ...(by === 'run' ? [] : ['RUNS']), 'TOKENS IN', 'CACHED', 'OUT', 'USD']
  const row = ({ runs, usage }: Pick<Costs['costs'][number], 'runs' | 'usage'>): string[] => [
    ...(by === 'run' ? [] : [String(runs)]),
    ...[usage.inputTokens, usage.cachedTokens, usage.outputTokens].map(String),
    usage.usd.toFixed(2) + (usage.unpricedTokens ? '+' : ''),
  ]
  output.table([
    heading.map((cell) => output.style('dim', cell)),
    ...costs.map((one) => [...names[by].map((name) => one[name] ?? '-'), ...row(one)]),
    ['total', ...names[by].slice(1).map(() => ''), ...row(total)],
  ])
  if (total.usage.unpricedTokens)
    output.note(
      `${total.usage.unpricedTokens} tokens are of unknown cost (+): the key \`prices\` of the configuration names that of a model.`,
    )
}
