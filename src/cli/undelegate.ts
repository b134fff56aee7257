// undelegate KEY: takes an issue back; facts are still taken in, nothing is written.

import { act, keyArgument } from './act.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: 'undelegate',
  summary: 'Take an issue back from the agents; its facts are still followed.',
  arguments: [keyArgument],
  json: '{ key, action }',
  examples: ['signalbox undelegate APP-1'],
  run: (context) => act(context, { action: 'undelegate' }),
}
