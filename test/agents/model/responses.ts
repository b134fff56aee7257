// OpenAI's Responses API as Codex hears it: the tools of Codex, and the events of a stream.

import type { ServerResponse } from 'node:http'
import { send, spoken, type Dialect, type Speech, type Utterance } from './speech.ts'
import type { Step } from './steps.ts'

const lines = (text: string): string[] => text.replace(/\n$/, '').split('\n')
const patch = (...body: string[]): string => ['*** Begin Patch', ...body, '*** End Patch'].join('\n')
/** Codex takes this command for an edit: it is never run by a shell, and the edit is reported as such. */
const applied = (text: string): string => `apply_patch <<'EOF'\n${text}\nEOF`

function commandOf(step: Step): string | null {
  switch (step.does) {
    case 'shell':
      return step.command
    case 'write':
      return applied(patch(`*** Add File: ${step.path}`, ...lines(step.text).map((line) => `+${line}`)))
    case 'edit': {
      const [from, to] = [lines(step.from).map((line) => `-${line}`), lines(step.to).map((line) => `+${line}`)]
      return applied(patch(`*** Update File: ${step.path}`, '@@', ...from, ...to))
    }
    default:
      return null
  }
}

export const responses: Dialect = {
  callsOf(step, { tools }) {
    const command = commandOf(step)
    // The core that codex-acp is built on is older and has the older tool.
    if (command !== null)
      return [
        tools.includes('exec_command') ? { name: 'exec_command', input: { cmd: command } } : { name: 'shell_command', input: { command } },
      ]
    if (step.does === 'tool') return [{ name: step.name, input: step.input }]
    if (step.does === 'ask') {
      const questions = step.questions.map(({ question, header, options }, i) => ({ id: `question_${i + 1}`, header, question, options }))
      return [{ name: 'request_user_input', input: { questions } }]
    }
    return null
  },

  async speak({ utterances, usage, end, every, id }: Speech, request, response: ServerResponse) {
    const say = (type: string, data: object): Promise<void> => send(response, type, data)
    const output = utterances.map((utterance, i) => itemOf(utterance, `${id}_${i}`))
    await say('response.created', { response: { id, object: 'response', model: request.model, status: 'in_progress', output: [] } })
    for (const [index, utterance] of utterances.entries()) {
      const item = output[index]!
      await say('response.output_item.added', { output_index: index, item: 'text' in utterance ? { ...item, content: [] } : item })
      if ('text' in utterance) {
        for await (const delta of spoken(utterance.text, every, response)) {
          await say('response.output_text.delta', { item_id: item['id'], output_index: index, content_index: 0, delta })
        }
        if (end !== 'complete' && index === utterances.length - 1) return
      }
      await say('response.output_item.done', { output_index: index, item })
    }
    if (end !== 'complete') return
    const numbers = {
      input_tokens: usage.input,
      input_tokens_details: { cached_tokens: usage.cached ?? 0, cache_write_tokens: usage.cacheWritten ?? 0 },
      output_tokens: usage.output,
      output_tokens_details: { reasoning_tokens: usage.reasoning ?? 0 },
      total_tokens: usage.input + usage.output,
    }
    await say('response.completed', {
      response: { id, object: 'response', model: request.model, status: 'completed', output, usage: numbers },
    })
  },
}

function itemOf(utterance: Utterance, id: string): Record<string, unknown> {
  if ('text' in utterance) {
    return {
      type: 'message',
      role: 'assistant',
      id: `msg_${id}`,
      content: [{ type: 'output_text', text: utterance.text, annotations: [] }],
    }
  }
  return { type: 'function_call', id: `fc_${id}`, call_id: utterance.id, name: utterance.call, arguments: JSON.stringify(utterance.input) }
}
