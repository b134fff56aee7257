// stop KEY: ends the agent and keeps the issue at rest until a retry, a prompt or a new delegation.

import { act, keyArgument } from './act.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: 'stop',
  summary: 'End the agent of an issue now; it rests until a retry, a prompt or a new delegation.',
  arguments: [keyArgument],
  flags: { reason: { value: 'TEXT', description: 'Why, for those who read it later' } },
  json: '{ key, action }',
  examples: ['signalbox stop APP-1', 'signalbox stop APP-1 --reason "wrong approach"'],
  run: (context) => {
    const reason = context.value('reason')
    return act(context, { action: 'stop', ...(reason === undefined ? {} : { reason }) })
  },
}
