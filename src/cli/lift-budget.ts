// lift-budget [PROJECT]: what a day's budget holds back starts all the same, until the day ends.

import { control, projectArgument } from './act.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: 'lift-budget',
  summary: 'Start runs again that the budget of a day holds back, for the rest of this day (in UTC).',
  arguments: [projectArgument],
  json: '{ action, project }',
  examples: ['signalbox lift-budget app', 'signalbox lift-budget'],
  run: (context) => control(context, 'lift_budget'),
}
