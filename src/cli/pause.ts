// pause [PROJECT]: grants no capacity.

import { control, projectArgument } from './act.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: 'pause',
  summary: 'Start no new runs, in one project or in all; runs that are active go on.',
  arguments: [projectArgument],
  json: '{ action, project }',
  examples: ['signalbox pause', 'signalbox pause app'],
  run: (context) => control(context, 'pause'),
}
