// resume [PROJECT]: grants capacity again.

import { control, projectArgument } from './act.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: 'resume',
  summary: 'Start runs again after a pause or a drain.',
  arguments: [projectArgument],
  json: '{ action, project }',
  examples: ['signalbox resume', 'signalbox resume app'],
  run: (context) => control(context, 'resume'),
}
