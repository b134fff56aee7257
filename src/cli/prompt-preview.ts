// prompt-preview KEY: exactly what the next run's agent would be sent.

import { runTypes } from '../machines/vocabulary.ts'
import { keyArgument } from './act.ts'
import type { Command } from './command.ts'
import { exit } from './exit.ts'
import { oneLine } from './output.ts'

export const command: Command = {
  name: 'prompt-preview',
  summary: 'Print exactly what the next run of an issue would be told.',
  arguments: [keyArgument],
  flags: { 'run-type': { value: 'T', description: 'As a run of this type; otherwise of the one that is needed now', choices: runTypes } },
  json: '{ key, runId, runType, agent, prompt, images, reason, notes }',
  examples: ['signalbox prompt-preview APP-1', 'signalbox prompt-preview APP-1 --run-type review_fix'],
  run: async (context) => {
    const { output } = context
    const reader = await context.reader()
    const preview = await reader.preview(context.required('KEY'), context.value('run-type'))
    for (const note of preview.notes) output.note(oneLine(note))
    output.document(preview)
    // It ends with the end of a line.
    output.line(preview.prompt === null ? oneLine(preview.reason ?? '') : preview.prompt.slice(0, -1))
    return exit.done
  },
}
