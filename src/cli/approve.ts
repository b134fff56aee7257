// approve KEY: a human's approval of the present head of the pull request.

import { act, keyArgument } from './act.ts'
import type { Command } from './command.ts'
import { textOf } from './input.ts'

export const command: Command = {
  name: 'approve',
  summary: 'Approve the pull request of an issue, as it is now.',
  arguments: [keyArgument],
  flags: { body: { value: 'T', description: 'What to say with it; `-` reads standard input' } },
  json: '{ key, action }',
  examples: ['signalbox approve APP-1', 'signalbox approve APP-1 --body "Well done."'],
  run: async (context) => {
    const body = context.value('body')
    return await act(context, { action: 'approve', ...(body === undefined ? {} : { body: await textOf(body, '--body') }) })
  },
}
