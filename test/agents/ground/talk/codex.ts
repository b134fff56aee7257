// Talks with `codex app-server`: JSON-RPC in lines, without the `jsonrpc` member.

import { agentBinaries } from '../../binaries.ts'
import { codexHome } from '../../homes.ts'
import { startProgram, type Message } from '../../program.ts'
import type { Agent, Outcome } from './talk.ts'

export const codex: Agent = async ({ folder, repository, scenario }, { retries = 0, schema, reply, note }, started) => {
  const { env } = codexHome(folder, scenario.responsesUrl, undefined, {
    retries,
    // Outside plan mode the tool is offered but answers that it is unavailable.
    features: { default_mode_request_user_input: reply !== undefined },
  })
  const program = startProgram([(await agentBinaries()).codex, 'app-server'], { cwd: repository, env, note })
  started(program)
  let id = 0
  const call = async (method: string, params: object): Promise<Message> => {
    const own = (id += 1)
    program.send({ id: own, method, params })
    const { result, error } = await program.until((message) => message['id'] === own && message['method'] === undefined)
    if (error) throw new Error(`${method}: ${JSON.stringify(error)}`)
    return result as Message
  }
  await call('initialize', { clientInfo: { name: 'test', title: 'Test', version: '0' }, capabilities: { experimentalApi: true } })
  program.send({ method: 'initialized' })
  const { thread } = await call('thread/start', { cwd: repository })
  let turnId = ''

  const answerQuestions = async (from: number): Promise<void> => {
    const asked = await program.until(({ method }) => method === 'item/tool/requestUserInput' || method === 'turn/completed', from)
    if (asked['method'] === 'turn/completed') return
    const questions = asked['params'].questions as { id: string; question: string }[]
    const answers = Object.fromEntries(questions.map(({ id: name, question }) => [name, { answers: [reply!(question)] }]))
    program.send({ id: asked['id'], result: { answers } })
    return answerQuestions(program.messages.indexOf(asked) + 1)
  }

  const outcomeFrom = async (from: number): Promise<Outcome> => {
    const questions = reply ? answerQuestions(from) : undefined
    const completed = await program.until(({ method }) => method === 'turn/completed', from)
    await questions
    const { turn } = completed['params']
    const since = program.messages.slice(from)
    const said = since.findLast(({ method, params }) => method === 'item/completed' && params.item.type === 'agentMessage')
    const text = (said?.['params'].item.text as string | undefined) ?? ''
    const used = since.filter(({ method }) => method === 'thread/tokenUsage/updated').map(({ params }) => params.tokenUsage.last)
    const sum = (name: string): number => used.reduce((total, last) => total + last[name], 0)
    return {
      text,
      failure: turn.status === 'completed' ? null : `${turn.status} ${JSON.stringify(turn.error?.codexErrorInfo ?? null)}`,
      answer: schema && turn.status === 'completed' ? JSON.parse(text) : null,
      tokens: { input: sum('inputTokens'), output: sum('outputTokens') },
    }
  }

  return {
    program,
    async begin({ text, image }) {
      const from = program.messages.length
      const images = image ? [{ type: 'image', url: `data:image/png;base64,${image}` }] : []
      const input = [{ type: 'text', text }, ...images]
      const { turn } = await call('turn/start', { threadId: thread.id, input, ...(schema && { outputSchema: schema }) })
      turnId = turn.id
      return { outcome: outcomeFrom(from) }
    },
    interrupt: async () => void (await call('turn/interrupt', { threadId: thread.id, turnId })),
  }
}
