// The adapter of Codex on the real program: how a turn is stopped.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createCodexAgent } from '../../src/actors/agents/codex.ts'
import { endOrphans } from '../../src/actors/agents/orphans.ts'
import { messagesChannel, type AgentMessage } from '../../src/actors/agents/talking.ts'
import { agentBinaries } from './binaries.ts'
import { codexSchema, watchCodex, type CodexSchema } from './codex-protocol.ts'
import { candidateOf } from './conformance/candidates.ts'
import { createGround, play, until, type Candidate, type Ground } from './conformance/ground.ts'
import { recordDialogue, type Dialogue } from './dialogue.ts'
import { codexHome } from './homes.ts'
import { createModel, type Model } from './model/server.ts'
import { hang } from './model/steps.ts'
import type { Message } from './program.ts'
import { relayed } from './relay.ts'

const conforming = await candidateOf('codex')
const { codex: program } = await agentBinaries()
let model: Model
let schema: CodexSchema
let watched: ReturnType<typeof watchCodex>
let dialogue: Dialogue
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

function ground(): Ground {
  const made = createGround()
  watched = watchCodex(schema)
  dialogue = recordDialogue()
  closing.push(watched.stop, dialogue.stop, made.remove, () => endOrphans(made.dataFolder, 100))
  return made
}

const codex = (): Candidate => ({
  ...conforming,
  create: ({ folder, processes }, { name, responsesUrl }, { wrap = '' }) =>
    createCodexAgent({
      ...{
        name: 'codex',
        command: `${wrap} ${program} app-server`.trim(),
        model: null,
        effort: null,
        sandbox: 'workspace-write',
        processes,
      },
      ...{ env: codexHome(folder, responsesUrl, name).env, namespace: true, limits: { request: 60_000, interrupt: 20_000 } },
    }),
})

/** Every message of both sides from now on. */
function listen(): AgentMessage[] {
  const messages: AgentMessage[] = []
  const listener = (message: unknown): void => void messages.push(message as AgentMessage)
  messagesChannel.subscribe(listener)
  closing.push(() => messagesChannel.unsubscribe(listener))
  return messages
}

describe('it is stopped', () => {
  test('F07: by the names that the server wants of its thread and its turn', async () => {
    const place = ground()
    const messages = listen()
    const played = play(codex(), place, model, [hang()])
    await played.scenario.request(0, 120_000)
    played.abort()
    const { thread } = await played.turn.result
    const of = (method: string): Message => messages.map(({ message }) => message as Message).find((one) => one['method'] === method)!
    const begun = of('turn/started')['params'].turn.id as string
    expect(of('turn/interrupt')['params']).toEqual({ threadId: thread, turnId: begun })
    expect(of('thread/backgroundTerminals/clean')['params']).toEqual({ threadId: thread })
    expect(dialogue.said).toEqual(expect.arrayContaining(conforming.stops))
    expect(watched.problems).toEqual([])
    // The name that it has in a steer is not taken.
    const misnamed = { id: 1, method: 'turn/interrupt', params: { threadId: thread, expectedTurnId: begun } }
    expect(schema.problemOf('ClientRequest', misnamed)).not.toBeNull()
  })

  test('its commands are cleaned up also when the end of its turn is told before the interrupt is answered', async () => {
    const place = ground()
    const wrap = relayed(place.folder, ({ method }, { line, answers, memory }) => {
      if (answers === 'turn/interrupt') {
        memory['held'] = line
        return []
      }
      return method === 'turn/completed' ? [line, memory['held']] : [line]
    })
    const played = play(codex(), place, model, [hang()], {}, { wrap })
    await played.scenario.request(0, 120_000)
    played.abort()
    await played.turn.result
    expect(dialogue.said.slice(-4)).toEqual(conforming.stops)
    expect(watched.problems).toEqual([])
  })

  test('before its thread is known, nothing of it is named', async () => {
    const place = ground()
    const wrap = relayed(place.folder, (_, { line, answers }) => (answers === 'thread/start' ? [] : [line]))
    const played = play(codex(), place, model, [], {}, { wrap })
    await until(() => dialogue.said.includes('asked thread/start'), 'the request of a thread', 120_000)
    played.abort()
    expect(await played.turn.result).toMatchObject({ outcome: 'failed', failure: 'environment' })
    expect(dialogue.said.at(-1)).toBe('asked thread/start')
    expect(watched.problems).toEqual([])
  })
})
