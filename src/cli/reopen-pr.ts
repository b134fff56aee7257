// reopen-pr KEY: opens a closed pull request again.

import { act, keyArgument } from './act.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: 'reopen-pr',
  summary: 'Open the closed pull request of an issue again.',
  arguments: [keyArgument],
  json: '{ key, action }',
  examples: ['signalbox reopen-pr APP-1'],
  run: (context) => act(context, { action: 'reopen_pull_request' }),
}
