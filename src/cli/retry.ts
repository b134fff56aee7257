// retry KEY: tries again, with fresh attempts.

import { runTypes } from '../config-schema.ts'
import { act, keyArgument } from './act.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: 'retry',
  summary: 'Try an issue again that was stopped, has failed or needs a human.',
  arguments: [keyArgument],
  flags: {
    'run-type': { value: 'T', choices: runTypes, description: 'Start with this type of run' },
    skip: { description: 'Of an issue that is FAULTED: leave out the event that it cannot take' },
  },
  json: '{ key, action }',
  examples: ['signalbox retry APP-1', 'signalbox retry APP-1 --run-type ci_repair'],
  run: (context) => {
    const runType = context.value('run-type')
    return act(context, { action: 'retry', ...(runType === undefined ? {} : { runType }), ...(context.has('skip') ? { skip: true } : {}) })
  },
}
