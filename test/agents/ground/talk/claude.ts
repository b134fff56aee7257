// Talks with `claude -p` in streamed JSON: several turns a process, and its control protocol for questions and interrupts.

import { randomUUID } from 'node:crypto'
import { agentBinaries } from '../../binaries.ts'
import { claudeHome } from '../../homes.ts'
import { startProgram } from '../../program.ts'
import type { Agent, Outcome } from './talk.ts'

export const claude: Agent = async ({ folder, repository, scenario }, { retries = 0, subscription, schema, reply, note }, started) => {
  const { env } = claudeHome(folder, scenario.messagesUrl, undefined, { retries, subscription })
  const { claude: binary } = await agentBinaries()
  const flags = [
    '-p',
    '--input-format',
    'stream-json',
    '--output-format',
    'stream-json',
    '--verbose',
    '--permission-mode',
    'bypassPermissions',
  ]
  const wanted = schema ? ['--json-schema', JSON.stringify(schema)] : []
  // Without somebody who answers permissions the tool for questions is not offered at all.
  const asking = reply ? ['--permission-prompt-tool', 'stdio'] : []
  const partial = ['--include-partial-messages'] // a partial answer is told before it ends
  const program = startProgram([binary, ...flags, ...wanted, ...asking, ...partial], { cwd: repository, env, note })
  started(program)

  const answerQuestions = async (from: number): Promise<void> => {
    const asked = await program.until(({ type }) => type === 'control_request' || type === 'result', from)
    if (asked['type'] === 'result') return
    const { input } = asked['request']
    const questions = input.questions as { question: string }[]
    const answers = Object.fromEntries(questions.map(({ question }) => [question, reply!(question)]))
    const response = { behavior: 'allow', updatedInput: { ...input, answers } }
    program.send({ type: 'control_response', response: { subtype: 'success', request_id: asked['request_id'], response } })
    return answerQuestions(program.messages.indexOf(asked) + 1)
  }

  const outcomeFrom = async (from: number): Promise<Outcome> => {
    const questions = reply ? answerQuestions(from) : undefined
    const result = await program.until(({ type }) => type === 'result', from)
    await questions
    const told = program.messages.slice(from).findLast(({ type, error }) => type === 'assistant' && error !== undefined)
    const { usage } = result
    return {
      text: String(result['result'] ?? ''),
      // The subtype of a refused request is `success`: only `is_error` tells.
      failure: result['is_error']
        ? [result['terminal_reason'], result['api_error_status'], told?.['error']].filter(Boolean).join(' ')
        : null,
      answer: result['structured_output'] ?? null,
      tokens: {
        input: usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens,
        output: usage.output_tokens,
      },
    }
  }

  return {
    program,
    async begin({ text, image }) {
      const from = program.messages.length
      const images = image ? [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: image } }] : []
      program.send({ type: 'user', message: { role: 'user', content: [{ type: 'text', text }, ...images] } })
      return { outcome: outcomeFrom(from) }
    },
    async interrupt() {
      const id = randomUUID()
      program.send({ type: 'control_request', request_id: id, request: { subtype: 'interrupt' } })
      await program.until(({ type, response }) => type === 'control_response' && response.request_id === id)
    },
  }
}
