// What Codex is told, and what of its words counts: answers to what it asks of us, settings where it reads them, and messages of others.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createCodexAgent } from '../../src/actors/agents/codex.ts'
import { endOrphans } from '../../src/actors/agents/orphans.ts'
import { messagesChannel, type AgentMessage } from '../../src/actors/agents/talking.ts'
import { agentBinaries } from './binaries.ts'
import { codexSchema, watchCodex, type CodexSchema } from './codex-protocol.ts'
import { candidateOf } from './conformance/candidates.ts'
import { createGround, play, type Candidate, type Ground } from './conformance/ground.ts'
import { codexHome } from './homes.ts'
import { createModel, type Model } from './model/server.ts'
import { answer, hang } from './model/steps.ts'
import type { Message } from './program.ts'
import { relayed } from './relay.ts'

const conforming = await candidateOf('codex')
const { codex: program } = await agentBinaries()
let model: Model
let schema: CodexSchema
const closing: (() => unknown)[] = []
beforeAll(async () => {
  model = await createModel()
  schema = codexSchema(program)
})
afterAll(async () => {
  schema.remove()
  await model.close()
})
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** A place, and every message of both sides; what is wrong with them by the schema of the binary. */
function listen(): { place: Ground; messages: AgentMessage[]; problems: string[] } {
  const place = createGround()
  const watched = watchCodex(schema)
  const messages: AgentMessage[] = []
  const listener = (message: unknown): void => void messages.push(message as AgentMessage)
  messagesChannel.subscribe(listener)
  closing.push(
    () => place.remove(),
    () => endOrphans(place.dataFolder, 100),
    watched.stop,
    () => messagesChannel.unsubscribe(listener),
  )
  return { place, messages, problems: watched.problems }
}

const sent = (messages: AgentMessage[], wanted: (message: Message) => boolean): Message =>
  messages.flatMap(({ from, message }) => (from === 'us' && wanted(message as Message) ? [message as Message] : []))[0]!

const codex = (effort: string | null = null, request = 60_000): Candidate => ({
  ...conforming,
  create: ({ folder, processes }, { name, responsesUrl }, { wrap = '' }) =>
    createCodexAgent({
      ...{ name: 'codex', command: `${wrap} ${program} app-server`.trim(), model: null, effort, sandbox: 'workspace-write', processes },
      ...{ env: codexHome(folder, responsesUrl, name).env, namespace: true, limits: { request } },
    }),
})

const done = answer({ outcome: 'completed', summary: 'Done.', question: null, prTitle: 'T', prBody: 'B' })

test('F08: the effort is set on the turn, and what it asks to be allowed is refused in words that it knows (edge 204)', async () => {
  const { place, messages, problems } = listen()
  // By itself it asks for nothing under the policy that it is given: it is made to.
  const wrap = relayed(place.folder, ({ method, params }, { line }) => {
    if (method !== 'turn/started') return [line]
    const ids = { threadId: params.threadId, turnId: params.turn.id, itemId: 'item', startedAtMs: 0 }
    const ask = (id: number, kind: string, more: object) =>
      JSON.stringify({ id, method: `item/${kind}/requestApproval`, params: { ...ids, ...more } })
    return [line, ask(9_001, 'commandExecution', { command: 'rm -rf /' }), ask(9_002, 'fileChange', {})]
  })
  const { turn, events } = play(codex('high'), place, model, [done], {}, { wrap })
  expect(await turn.result).toMatchObject({ outcome: 'completed' })
  expect(sent(messages, ({ method }) => method === 'turn/start')['params']).toMatchObject({ effort: 'high' })
  expect(JSON.stringify(sent(messages, ({ method }) => method === 'thread/start'))).not.toMatch(/effort/i)
  for (const id of [9_001, 9_002])
    expect(sent(messages, (message) => message['id'] === id)).toEqual({ id, result: { decision: 'decline' } })
  expect(events).toContainEqual({ type: 'asked', about: 'permission', text: 'rm -rf /', options: [], answer: 'refused' })
  expect(problems).toEqual([])
})

test('F27: what names no thread, or another one, is not credited to this one', async () => {
  const { place } = listen()
  const wrap = relayed(place.folder, ({ method, params }, { line }) => {
    if (method !== 'turn/started') return [line]
    const item = { id: 'stray', type: 'agentMessage', text: '{ "outcome": "completed", "summary": "Stray." }' }
    const turn = { ...params.turn, status: 'completed', items: [item] }
    const tell = (name: string, more: object) => JSON.stringify({ method: name, params: more })
    return [
      line,
      ...[{}, { threadId: 'another' }].flatMap((whose) => [
        tell('item/completed', { ...whose, turnId: turn.id, item }),
        tell('turn/completed', { ...whose, turn }),
      ]),
    ]
  })
  const { turn, events, scenario } = play(codex(), place, model, [done], {}, { wrap })
  expect(await turn.result).toMatchObject({ outcome: 'completed', summary: 'Done.' })
  expect(scenario.left()).toBe(0)
  expect(JSON.stringify(events)).not.toContain('Stray')
})

test('a request that is not answered in time fails its turn, and is no fault of ours (edge 209)', async () => {
  const { place } = listen()
  const wrap = relayed(place.folder, (_, { line, answers }) => (answers === 'turn/start' ? [] : [line]))
  const { turn } = play(codex(null, 5_000), place, model, [hang()], {}, { wrap })
  expect(await turn.result).toMatchObject({
    ...{ outcome: 'failed', failure: 'environment', code: 'request-timeout' },
    reason: expect.stringContaining("'turn/start' within 5 s"),
  })
})

test('when its process ends everything that is open fails at once, with its exit code; what is asked after that, too (edges 210, 212)', async () => {
  const { place } = listen()
  const { processes } = place
  const ends: Candidate = {
    ...conforming,
    create: (_place, _scenario) =>
      createCodexAgent({
        ...{ name: 'codex', command: 'read line; exec 0<&- 1>&-; exit 7', env: {}, model: null, effort: null, sandbox: 'workspace-write' },
        ...{ processes, limits: { request: 3_600_000 } },
      }),
  }
  const { turn } = play(ends, place, model, [])
  expect(await turn.result).toMatchObject({ outcome: 'failed', failure: 'environment', reason: expect.stringContaining('exit code 7') })
  expect(await turn.steer('too late')).toBe(false)
})
