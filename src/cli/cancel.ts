// cancel KEY: the issue is not wanted any more.

import { act, keyArgument } from './act.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: 'cancel',
  summary: 'Cancel an issue that is not wanted any more.',
  arguments: [keyArgument],
  json: '{ key, action }',
  examples: ['signalbox cancel APP-1'],
  run: (context) => act(context, { action: 'cancel' }),
}
