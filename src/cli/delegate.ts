// delegate KEY: hands an issue to the agents.

import { act, keyArgument } from './act.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: 'delegate',
  summary: 'Hand an issue to the agents.',
  arguments: [keyArgument],
  json: '{ key, action }',
  examples: ['signalbox delegate APP-1'],
  run: (context) => act(context, { action: 'delegate' }),
}
