// drain: starts no new run and returns when the active ones have ended.

import type { Command } from './command.ts'
import { exit } from './exit.ts'

export const command: Command = {
  name: 'drain',
  summary: 'Start no new run, and return when the active ones have ended.',
  json: '{ action }',
  examples: ['signalbox drain && systemctl --user restart signalbox'],
  run: async (context) => {
    context.output.note('Waiting for the active runs to end …')
    const answer = await context.client().post('/api/control', { action: 'drain' }, { patient: true })
    context.output.line('Drained: no run is active and none starts. `signalbox resume` starts them again.')
    context.output.document({ action: 'drain', ...(answer as object) })
    return exit.done
  },
}
