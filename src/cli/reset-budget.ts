// reset-budget KEY: what an issue has spent, for its whole life, counts anew.

import { act, keyArgument } from './act.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: 'reset-budget',
  summary: 'Give an issue its budgets anew: runs, hours, tokens, money and all attempts.',
  arguments: [keyArgument],
  json: '{ key, action }',
  examples: ['signalbox reset-budget APP-1'],
  run: (context) => act(context, { action: 'reset_budget' }),
}
