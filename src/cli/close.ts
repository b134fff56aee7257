// close KEY: a human's word that an issue is over.

import { act, keyArgument } from './act.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: 'close',
  summary: 'Close an issue, as done unless told otherwise.',
  arguments: [keyArgument],
  flags: { as: { value: 'PHASE', choices: ['done', 'failed'], description: 'How it ended' } },
  json: '{ key, action }',
  examples: ['signalbox close APP-1', 'signalbox close APP-1 --as failed'],
  run: (context) => act(context, { action: 'close', as: context.value('as') === 'failed' ? 'failed' : 'done' }),
}
