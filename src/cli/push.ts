// push KEY: gives the pull request a head of your own.

import { act, keyArgument } from './act.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: 'push',
  summary: 'Make a branch of your repository the head of the pull request of an issue.',
  arguments: [keyArgument],
  flags: { branch: { value: 'NAME', description: "A branch of the project's repository" } },
  json: '{ key, action }',
  examples: ['signalbox push APP-1 --branch my-fix'],
  run: (context) => act(context, { action: 'push', branch: context.required('branch') }),
}
