// Anthropic's Messages API as Claude Code hears it: the tools of Claude, and the events of a stream or a whole message.

import type { ServerResponse } from 'node:http'
import { isAbsolute, join } from 'node:path'
import type { ModelRequest } from './request.ts'
import { send, spoken, type Dialect, type Speech } from './speech.ts'
import type { Usage } from './steps.ts'

/** Claude's tools want absolute paths; where it works, it tells the model. */
function absolute(path: string, request: ModelRequest): string {
  if (isAbsolute(path)) return path
  const folder = /(?:Primary working directory|Working directory|cwd): (\S[^\n]*)/.exec(
    [request.system, ...request.context].join('\n'),
  )?.[1]
  return join(folder ?? '/', path)
}

export const messages: Dialect = {
  callsOf(step, request) {
    switch (step.does) {
      case 'shell':
        return [{ name: 'Bash', input: { command: step.command, description: 'Run a command' } }]
      case 'write':
        return [{ name: 'Write', input: { file_path: absolute(step.path, request), content: step.text } }]
      case 'edit': {
        const path = absolute(step.path, request)
        const change = { name: 'Edit', input: { file_path: path, old_string: step.from, new_string: step.to } }
        return [{ name: 'Read', input: { file_path: path } }, change]
      }
      case 'answer':
        // Only where a schema is given to Claude Code is there this tool; else the answer is a message.
        return request.tools.includes('StructuredOutput') ? [{ name: 'StructuredOutput', input: step.value }] : null
      case 'ask': {
        const questions = step.questions.map(({ several = false, ...question }) => ({ ...question, multiSelect: several }))
        return [{ name: 'AskUserQuestion', input: { questions } }]
      }
      case 'tool':
        return [{ name: step.name, input: step.input }]
      default:
        return null
    }
  },

  async speak(speech, request, response) {
    if (request.body?.['stream'] === true) return stream(speech, request, response)
    const content = speech.utterances.map((utterance) =>
      'text' in utterance
        ? { type: 'text', text: utterance.text }
        : { type: 'tool_use', id: utterance.id, name: utterance.call, input: utterance.input },
    )
    if (speech.end === 'complete')
      response.write(JSON.stringify({ ...head(speech, request), content, stop_reason: stopOf(speech), usage: numbersOf(speech.usage) }))
  },
}

const head = ({ id }: Speech, { model }: ModelRequest): object => ({
  ...{ id: `msg_${id}`, type: 'message', role: 'assistant', model, content: [], stop_reason: null, stop_sequence: null },
})

const stopOf = ({ utterances }: Speech): string => (utterances.some((utterance) => 'call' in utterance) ? 'tool_use' : 'end_turn')

/** Anthropic counts what was cached beside the input, not in it. */
function numbersOf({ input, cached = 0, cacheWritten = 0, output }: Usage): object {
  return {
    input_tokens: input - cached - cacheWritten,
    cache_creation_input_tokens: cacheWritten,
    cache_read_input_tokens: cached,
    output_tokens: output,
  }
}

async function stream(speech: Speech, request: ModelRequest, response: ServerResponse): Promise<void> {
  const say = (type: string, data: object): Promise<void> => send(response, type, data)
  const { utterances, usage, end, every } = speech
  await say('message_start', { message: { ...head(speech, request), usage: numbersOf({ ...usage, output: 1 }) } })
  for (const [index, utterance] of utterances.entries()) {
    if ('text' in utterance) {
      await say('content_block_start', { index, content_block: { type: 'text', text: '' } })
      for await (const piece of spoken(utterance.text, every, response)) {
        await say('content_block_delta', { index, delta: { type: 'text_delta', text: piece } })
      }
      if (end !== 'complete' && index === utterances.length - 1) return
    } else {
      await say('content_block_start', { index, content_block: { type: 'tool_use', id: utterance.id, name: utterance.call, input: {} } })
      await say('content_block_delta', { index, delta: { type: 'input_json_delta', partial_json: JSON.stringify(utterance.input) } })
    }
    await say('content_block_stop', { index })
  }
  if (end !== 'complete') return
  await say('message_delta', { delta: { stop_reason: stopOf(speech), stop_sequence: null }, usage: numbersOf(usage) })
  await say('message_stop', {})
}
