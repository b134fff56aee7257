// prompt KEY TEXT: tells the agent something, or answers its question.

import { act, keyArgument } from './act.ts'
import type { Command } from './command.ts'
import { textOf } from './input.ts'

export const command: Command = {
  name: 'prompt',
  summary: 'Tell the agent of an issue something, or answer its question.',
  arguments: [keyArgument, { name: 'TEXT', rest: true, description: 'What to say; `-` reads standard input' }],
  json: '{ key, action }',
  examples: ['signalbox prompt APP-1 "Keep the old name as an alias."', 'signalbox prompt APP-1 - < answer.md'],
  run: async (context) => await act(context, { action: 'prompt', text: await textOf(context.required('TEXT'), 'TEXT') }),
}
