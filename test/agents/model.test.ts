// The scripted model by itself, asked as agents ask it: who is answered from which scenario, and what is a problem.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually } from '../actors/repository.ts'
import { createModel, type Model } from './model/server.ts'
import { always, fail, hang, say, when } from './model/steps.ts'

let model: Model
beforeEach(async () => void (model = await createModel()))
afterEach(() => model.close())

const tools = [{ name: 'Bash' }]
const messagesBody = { model: 'm', tools, messages: [{ role: 'user', content: 'Hello' }] }
const responsesBody = (thread: string) => ({
  ...{ model: 'm', tools, prompt_cache_key: thread },
  input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hello' }] }],
})

async function ask(path: string, body: object | string, key = 'nobody', signal?: AbortSignal): Promise<{ status: number; text: string }> {
  const response = await fetch(model.url + path, {
    method: 'POST',
    headers: { 'x-api-key': key, authorization: `Bearer ${key}` },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal && { signal }),
  })
  return { status: response.status, text: await response.text() }
}

test('a scenario is selected by the path, or by the key where the path names none', async () => {
  model.scenario('one', [say('first'), say('second')])
  model.scenario('two', [say('third')])
  expect((await ask('/one/v1/messages?beta=true', messagesBody, 'two')).text).toContain('first')
  expect((await ask('/v1/responses', responsesBody('t'), 'one')).text).toContain('second')
  expect((await ask('/v1/messages', { ...messagesBody, stream: true }, 'two')).text).toContain('third')
  expect(model.problems).toEqual([])
})

test('conversations can each have their own steps of one scenario', async () => {
  const { left } = model.scenario('one', ({ conversation }) => [say(`first of ${conversation}`), say(`second of ${conversation}`)])
  for (const [thread, words] of [
    ['a', 'first of a'],
    ['b', 'first of b'],
    ['a', 'second of a'],
  ] as const) {
    expect((await ask('/one/v1/responses', responsesBody(thread))).text).toContain(words)
  }
  expect(left()).toBe(1)
})

test('what has no step, no scenario or no sense is an error, and is recorded', async () => {
  model.scenario('one', [])
  expect((await ask('/one/v1/messages', messagesBody)).status).toBe(403)
  expect((await ask('/one/v1/responses', responsesBody('t'))).status).toBe(400)
  expect((await ask('/other/v1/messages', messagesBody)).status).toBe(403)
  expect((await ask('/one/v1/messages', '{')).status).toBe(403)
  expect((await ask('/one/v1/embeddings', {})).status).toBe(400)
  expect(model.problems.map((problem) => problem.replace(/.*: /, ''))).toEqual([
    ...['no step is left', 'no step is left', 'there is no such scenario', 'is not understood', 'is not understood'],
  ])
})

test('side requests take no step', async () => {
  const { left } = model.scenario('one', [say('mine')])
  const title = { type: 'object', properties: { title: { type: 'string' }, sure: { type: 'boolean' } } }
  const side = { model: 'haiku', messages: messagesBody.messages, output_config: { format: { type: 'json_schema', schema: title } } }
  const { text } = await ask('/one/v1/messages', side)
  expect(JSON.parse(JSON.parse(text).content[0].text)).toEqual({ title: 'A side answer', sure: false })
  expect(JSON.parse((await ask('/one/v1/messages/count_tokens', messagesBody)).text)).toEqual({ input_tokens: 100 })
  expect((await ask('/one/v1/messages', { ...messagesBody, messages: [{ role: 'user', content: '[SUGGESTION MODE: x]' }] })).status).toBe(
    200,
  )
  expect((await ask('/one/v1/responses', { ...responsesBody('t'), tools: [] })).status).toBe(200)
  expect(left()).toBe(1)
  expect(model.requests.map(({ kind }) => kind)).toEqual(['side', 'count', 'side', 'side'])
})

test('a step can look at the request, once or always', async () => {
  model.scenario('one', [
    when(({ said }) => [say(`you said ${said.at(-1)}`), fail('overloaded')]),
    always(({ protocol }) => say(`by ${protocol}`)),
  ])
  expect((await ask('/one/v1/messages', messagesBody)).text).toContain('you said Hello')
  expect((await ask('/one/v1/messages', messagesBody)).status).toBe(529)
  expect((await ask('/one/v1/messages', messagesBody)).text).toContain('by messages')
  expect((await ask('/one/v1/messages', { ...messagesBody, stream: true })).text).toContain('by messages')
})

test('a client that goes away is recorded', async () => {
  const { request } = model.scenario('one', [hang('Well')])
  const controller = new AbortController()
  const answer = ask('/one/v1/messages', { ...messagesBody, stream: true }, 'k', controller.signal)
  const { abandoned } = await request(0)
  expect(abandoned).toBe(false)
  controller.abort()
  await expect(answer).rejects.toThrow(/abort/)
  await eventually(() => model.requests[0]!.abandoned)
})
