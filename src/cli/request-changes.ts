// request-changes KEY: a human's review that asks for changes.

import { act, keyArgument } from './act.ts'
import type { Command } from './command.ts'
import { textOf } from './input.ts'

export const command: Command = {
  name: 'request-changes',
  summary: 'Ask for changes in the pull request of an issue.',
  arguments: [keyArgument],
  flags: { body: { value: 'T', description: 'What should change; `-` reads standard input' } },
  json: '{ key, action }',
  examples: ['signalbox request-changes APP-1 --body "Please add a test for the empty list."'],
  run: async (context) => await act(context, { action: 'request_changes', body: await textOf(context.required('body'), '--body') }),
}
