// The adapter of Codex on the real program: how a turn is stopped, what was missed, what is refused, and what is no message of the protocol.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createCodexAgent, type CodexOptions } from '../../src/actors/agents/codex.ts'
import { endOrphans } from '../../src/actors/agents/orphans.ts'
import { messagesChannel, type AgentMessage } from '../../src/actors/agents/talking.ts'
import { agentBinaries } from './binaries.ts'
import { codexSchema, watchCodex, type CodexSchema } from './codex-protocol.ts'
import { candidateOf } from './conformance/candidates.ts'
import { createGround, git, play, until, type Candidate, type Ground, type Played } from './conformance/ground.ts'
import { recordDialogue, type Dialogue } from './dialogue.ts'
import { codexHome } from './homes.ts'
import { createModel, type Model } from './model/server.ts'
import { always, answer, fail, hang, say, shell, together, usage, write } from './model/steps.ts'
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

/** `configure`: makes of its `config.toml` another one. */
const codex = (more: Partial<CodexOptions> = {}, configure = (text: string): string => text): Candidate => ({
  ...conforming,
  create: ({ folder, processes }, { name, responsesUrl }, { wrap = '', env = {} }) => {
    const { home, env: own } = codexHome(folder, responsesUrl, name)
    const file = join(home, 'config.toml')
    writeFileSync(file, configure(readFileSync(file, 'utf8')))
    return createCodexAgent({
      ...{
        name: 'codex',
        command: `${wrap} ${program} app-server`.trim(),
        model: null,
        effort: null,
        sandbox: 'workspace-write',
        processes,
      },
      ...{ env: { ...own, ...env }, namespace: true, limits: { reread: 1_000, request: 60_000, interrupt: 20_000 } },
      ...more,
    })
  },
})

const done = answer({ outcome: 'completed', summary: 'Greets.', question: null, prTitle: 'Greet', prBody: 'It greets.' })
const goingOn = { cause: 'interrupted' as const, way: 'resume' as const, quiet: 0, lastLine: null }

/** Every message of both sides from now on. */
function listen(): AgentMessage[] {
  const messages: AgentMessage[] = []
  const listener = (message: unknown): void => void messages.push(message as AgentMessage)
  messagesChannel.subscribe(listener)
  closing.push(() => messagesChannel.unsubscribe(listener))
  return messages
}

const heardBy = ({ scenario }: Played): string => scenario.requests().at(-1)!.said.join('\n')

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

describe('the end of its turn is missed', () => {
  const work = [together(say('I begin.'), write('new.txt', 'x\n')), done]

  test('it is found in the thread', async () => {
    const place = ground()
    const wrap = relayed(place.folder, ({ method, params }, { line }) =>
      // The last words are missed too, and those before are not taken for them.
      method === 'turn/completed' || (method === 'item/completed' && params.item.text?.startsWith('{')) ? [] : [line],
    )
    const played = play(codex(), place, model, work, {}, { wrap })
    expect(await played.turn.result).toMatchObject({ outcome: 'completed', summary: 'Greets.', prTitle: 'Greet' })
    expect(watched.problems).toEqual([])
  })

  test('and its process has died: who goes on finds it, and does not have it done again', async () => {
    const place = ground()
    const folder = join(place.folder, 'run')
    const wrap = relayed(place.folder, ({ method }, { line }) => (method === 'turn/completed' ? null : [line]))
    const { thread, ...died } = await play(codex(), place, model, work, { folder }, { wrap }).turn.result
    expect(died).toMatchObject({ outcome: 'failed', died: true })
    const next = play(codex(), place, model, [], { folder, thread: thread!, recovery: goingOn })
    expect(await next.turn.result).toMatchObject({ outcome: 'completed', summary: 'Greets.', thread })
    expect(next.scenario.requests()).toEqual([])
    // Another turn in the same thread is one of its own.
    const other = play(codex(), place, model, [say('More.')], { thread: thread! })
    expect(await other.turn.result).toMatchObject({ summary: 'More.' })
  })

  test('there was none: who goes on does the rest', async () => {
    const place = ground()
    const folder = join(place.folder, 'run')
    const wrap = relayed(place.folder, ({ method, params }, { line }) =>
      method === 'item/completed' && params.item.type === 'commandExecution' ? null : [line],
    )
    const { thread } = await play(codex(), place, model, [shell('touch begun'), always(() => hang())], { folder }, { wrap }).turn.result
    const next = play(codex(), place, model, [done], { folder, thread: thread!, recovery: goingOn, prompt: 'Go on.' })
    expect(await next.turn.result).toMatchObject({ outcome: 'completed', thread })
    expect(heardBy(next)).toMatch(/Greet the world\.[^]*Go on\./)
  })

  test('it ends in a way that is not known here: it has failed, and does not go on for ever', async () => {
    const place = ground()
    const wrap = relayed(place.folder, ({ method }, { line }) => [
      method === 'turn/completed' ? line.replace('"status":"completed"', '"status":"abandoned"') : line,
    ])
    const played = play(codex({ limits: { reread: 600_000 } }), place, model, [say('x')], {}, { wrap })
    expect(await played.turn.result).toMatchObject({ failure: 'bug', code: 'unknown-status', reason: expect.stringContaining('abandoned') })
    expect(watched.problems.splice(0)).toHaveLength(1)
  })

  test('asked for its turns, it says what is none: that is the end of it', async () => {
    const place = ground()
    const wrap = relayed(place.folder, ({ id, method }, { line, answers }) => {
      if (answers === 'thread/turns/list') return [JSON.stringify({ id, result: { data: 'none' } })]
      return method === 'turn/completed' ? [] : [line]
    })
    const played = play(codex(), place, model, [say('x')], {}, { wrap })
    expect(await played.turn.result).toMatchObject({ failure: 'bug', code: 'invalid-answer' })
  })
})

describe('it refuses', () => {
  const broken = (text: string): string => `${text}\n[[[ nonsense`

  test.each([
    ['a configuration that cannot be read', broken, /config\.toml/],
    ['a provider that is not there', (text: string) => text.replace('model_provider = "test"', 'model_provider = "nowhere"'), /nowhere/],
    ['a key that is not there', (text: string) => text.replace('"TEST_MODEL_KEY"', '"NO_SUCH_KEY"'), /NO_SUCH_KEY/],
  ])('%s: the environment is to blame, and no attempt is spent', async (_, configure, reason) => {
    const played = play(codex({}, configure), ground(), model, [])
    expect(await played.turn.result).toMatchObject({
      failure: 'environment',
      code: expect.any(String),
      reason: expect.stringMatching(reason),
    })
    expect(played.scenario.requests()).toEqual([])
    expect(watched.problems).toEqual([])
  })

  test('to go on with its configuration broken: its thread is not lost, and is gone on with when it is mended', async () => {
    const place = ground()
    const { thread } = await play(codex(), place, model, [say('Hello.')]).turn.result
    const refused = await play(codex({}, broken), place, model, [], { thread: thread! }).turn.result
    expect(refused).toMatchObject({ failure: 'environment', code: 'refused -32600' })
    expect(refused).not.toHaveProperty('lost')
    const mended = play(codex(), place, model, [done], { thread: thread! })
    expect(await mended.turn.result).toMatchObject({ outcome: 'completed', thread })
    expect(heardBy(mended)).toContain('Greet the world.')
  })

  test.each([
    ['gone', (path: string) => rmSync(path)],
    ['broken', (path: string) => writeFileSync(path, 'garbage\n')],
  ])('to go on with a thread whose file is %s: that one is lost', async (_, spoil) => {
    const place = ground()
    const { thread } = await play(codex(), place, model, [say('Hello.')]).turn.result
    const sessions = join(place.folder, 'codex', 'sessions')
    const file = readdirSync(sessions, { recursive: true, encoding: 'utf8' }).find((path) => path.endsWith(`${thread}.jsonl`))!
    spoil(join(sessions, file))
    const played = play(codex(), place, model, [], { thread: thread! })
    expect(await played.turn.result).toMatchObject({ failure: 'environment', code: 'thread-lost', lost: true })
    expect(played.scenario.requests()).toEqual([])
  })

  test('to go on while it has too much to do: there is no room, and the thread is not lost', async () => {
    const place = ground()
    const { thread } = await play(codex(), place, model, [say('Hello.')]).turn.result
    const wrap = relayed(place.folder, ({ id }, { line, answers }) => {
      const error = { code: -32_001, message: 'Server overloaded; retry later.' }
      return [answers === 'thread/resume' ? JSON.stringify({ id, error }) : line]
    })
    const refused = await play(codex(), place, model, [], { thread: thread! }, { wrap }).turn.result
    expect(refused).toMatchObject({ failure: 'capacity', code: 'refused -32001' })
    expect(refused).not.toHaveProperty('lost')
  })

  test('a turn that it cannot read: that is ours', async () => {
    const prompt = 'x'.repeat(1_100_000)
    const played = play(codex(), ground(), model, [], { prompt })
    expect(await played.turn.result).toMatchObject({ failure: 'bug', code: 'refused -32602', thread: expect.any(String) })
  })
})

describe('it says', () => {
  test('what is no message, not known, not of the form, of others, or an answer to nothing: it is left out', async () => {
    const place = ground()
    const wrap = relayed(place.folder, ({ method, params }, { line }) => {
      if (method !== 'turn/started') return [line]
      const own = params.threadId
      const turn = (id: unknown) => ({ id, status: 'failed', items: [], error: null })
      const messages = [
        ...[null, 7, 'words', [], {}, { method: 8 }, { method: 'thread/ofTomorrow', params: { threadId: own, of: ['interest'] } }],
        ...[{ method: 'item/completed', params: { threadId: own, item: 'none' } }, { method: 'item/completed' }],
        { method: 'item/completed', params: { threadId: own, item: { type: 'agentMessage', text: 9 } } },
        { method: 'item/started', params: { threadId: own, item: { type: 'commandExecution', command: ['ls'] } } },
        { method: 'turn/plan/updated', params: { threadId: own, plan: [{ step: null }] } },
        { method: 'turn/diff/updated', params: { threadId: own, diff: {} } },
        { method: 'thread/tokenUsage/updated', params: { threadId: own, turnId: 't', tokenUsage: { total: 'many' } } },
        { method: 'account/rateLimits/updated', params: { rateLimits: [] } },
        ...[null, { threadId: own, turn: turn(7) }, { threadId: own, turn: turn('another') }, { threadId: 'another', turn: turn('x') }].map(
          (one) => ({ method: 'turn/completed', params: one }),
        ),
        ...[
          { id: 4_711, result: {} },
          { id: 'none', error: { code: -1, message: 'no' } },
          { id: 4_712, error: 'no' },
        ],
        ...[
          { id: null, result: {} },
          { id: {}, method: 'item/tool/requestUserInput' },
        ],
        { id: 'ask-1', method: 'ask/ofTomorrow', params: {} },
        { id: 'ask-2', method: 'item/tool/requestUserInput', params: { questions: [] } },
        { method: 'item/agentMessage/delta', params: { threadId: own, delta: 'x'.repeat(20_000_000) } },
      ]
      return [line, ...messages.map((message) => JSON.stringify(message)), '{"half":', '\u0000\uFFFD']
    })
    const messages = listen()
    const script = [write('new.txt', 'x\n'), shell('git add --all && git commit --quiet --message Greet'), done]
    const played = play(codex({ limits: { reread: 600_000 } }), place, model, script, {}, { wrap })
    expect(await played.turn.result).toMatchObject({ outcome: 'completed', summary: 'Greets.', usage: { inputTokens: 300 } })
    expect(git(place.worktree, 'log', '--format=%s', '-1')).toBe('Greet')
    expect(watched.problems.splice(0).length).toBeGreaterThan(20)
    // What it asks and is not offered is told so; it would wait for an answer.
    const answers = messages.flatMap(({ from, message }) => (from === 'us' ? [message as Message] : []))
    for (const id of ['ask-1', 'ask-2']) expect(answers.find((one) => one['id'] === id)).toMatchObject({ error: { code: -32_601 } })
  })

  test('an end of its turn of which only the end can be read: it has ended', async () => {
    const place = ground()
    const wrap = relayed(place.folder, (message, { line }) => {
      if (message['method'] !== 'turn/completed') return [line]
      Object.assign(message['params'].turn, { items: 'none', error: { message: 7 } })
      return [JSON.stringify(message)]
    })
    const played = play(codex({ limits: { reread: 600_000 } }), place, model, [say('Done.')], {}, { wrap })
    expect(await played.turn.result).toMatchObject({ outcome: 'completed', summary: 'Done.' })
    expect(watched.problems.splice(0)).toHaveLength(1)
  })

  test('a line that is longer than any message: it is ended, and the environment is to blame', async () => {
    const place = ground()
    const wrap = relayed(place.folder, ({ method }, { line }) => [method === 'turn/started' ? 'x'.repeat(65 * 2 ** 20) : line])
    const played = play(codex(), place, model, [hang()], {}, { wrap })
    const result = await played.turn.result
    expect(result).toMatchObject({ outcome: 'failed', failure: 'environment', code: 'line-too-long', thread: expect.any(String) })
    const next = play(codex(), place, model, [done], { thread: result.thread!, recovery: goingOn })
    expect(await next.turn.result).toMatchObject({ outcome: 'completed', thread: result.thread })
  })
})

describe('it counts', () => {
  test('what a turn has used by when its context is full, and not once more what its thread had before', async () => {
    const place = ground()
    const { thread } = await play(codex(), place, model, usage({ input: 1_000, output: 50 }, say('Hello.'))).turn.result
    const script = [...usage({ input: 1_200, output: 20 }, write('new.txt', 'x\n')), always(() => fail('context-exhausted'))]
    const played = play(codex(), place, model, script, { thread: thread! })
    expect(await played.turn.result).toMatchObject({ exhausted: true, usage: { inputTokens: 1_200, outputTokens: 20 } })
    expect(watched.problems).toEqual([])
  })

  test('by the model that it names, which nobody has chosen here', async () => {
    const played = play(codex(), ground(), model, [done])
    expect(await played.turn.result).toMatchObject({ outcome: 'completed', model: 'fake-model' })
    expect(played.events.flatMap((event) => (event.type === 'used' ? [event.model] : []))).toEqual(['fake-model'])
  })
})

test('when its plan is renewed is known, also when only another part of its limits is told after that', async () => {
  const place = ground()
  const wrap = relayed(place.folder, ({ method, params }, { line }) => {
    if (method !== 'account/rateLimits/updated') return [line]
    const told = (rateLimits: object) => JSON.stringify({ method, params: { rateLimits } })
    const other = { usedPercent: 3, windowDurationMins: 300, resetsAt: 4_000_000_000 }
    return [line, told({ ...params.rateLimits, primary: null, secondary: null }), told({ limitId: 'other', primary: other })]
  })
  const played = play(codex(), place, model, [always(() => fail('usage-limit', { resetsIn: 3_600 }))], {}, { wrap })
  const { retryAt, ...result } = await played.turn.result
  expect(result).toMatchObject({ failure: 'capacity', code: 'usageLimitExceeded' })
  expect(Math.abs(retryAt! - Date.now() - 3_600_000)).toBeLessThan(60_000)
  expect(watched.problems).toEqual([])
})
