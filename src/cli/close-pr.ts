// close-pr KEY: closes the pull request without landing it.

import { act, keyArgument } from './act.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: 'close-pr',
  summary: 'Close the pull request of an issue without landing it; the work begins anew.',
  arguments: [keyArgument],
  json: '{ key, action }',
  examples: ['signalbox close-pr APP-1'],
  run: (context) => act(context, { action: 'close_pull_request' }),
}
