// dismiss-review KEY: takes a verdict back.

import { act, keyArgument } from './act.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: 'dismiss-review',
  summary: 'Take back what reviewers have said of the pull request of an issue.',
  arguments: [keyArgument],
  flags: { reviewer: { value: 'NAME', description: "Whose verdict; everybody's when left out" } },
  json: '{ key, action }',
  examples: ['signalbox dismiss-review APP-1 --reviewer ada'],
  run: (context) => {
    const reviewer = context.value('reviewer')
    return act(context, { action: 'dismiss_review', ...(reviewer === undefined ? {} : { reviewer }) })
  },
}
