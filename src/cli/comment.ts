// comment KEY TEXT: a comment on the issue, for people.

import { act, keyArgument } from './act.ts'
import type { Command } from './command.ts'
import { textOf } from './input.ts'

export const command: Command = {
  name: 'comment',
  summary: 'Comment on an issue.',
  arguments: [keyArgument, { name: 'TEXT', rest: true, description: 'The comment; `-` reads standard input' }],
  json: '{ key, action }',
  examples: ['signalbox comment APP-1 "The customer confirmed it."'],
  run: async (context) => await act(context, { action: 'comment', text: await textOf(context.required('TEXT'), 'TEXT') }),
}
