// The effect that a turn of an agent is: what it says of the agent, and what it puts into a turn that runs. The agent here is a shell
// that reads its standard input, as agents with a protocol do.

import { spawn } from 'node:child_process'
import { expect, it } from 'vitest'
import { createActor, enqueueActions, setup, waitFor } from 'xstate'
import { withCost } from '../../../src/actors/agents/prices.ts'
import type { Agent, AgentRequest, AgentResult } from '../../../src/actors/ports.ts'
import { createSessions, type SessionEvent } from '../../../src/actors/run/agent-session.ts'
import type { SessionCommand } from '../../../src/machines/run/inputs.ts'
import { noUsage } from '../../../src/machines/vocabulary.ts'

/** Its result is the first line that it was told; it ends by itself then. */
function createShell(abilities: Agent['abilities'], thread?: string): Agent {
  return {
    kind: 'shell',
    abilities,
    start(_request, { signal, onEvent }) {
      const child = spawn('sh', ['-c', abilities.steer ? 'echo ready; read line; echo "$line"' : 'echo ready; sleep 0.3'])
      signal.addEventListener('abort', () => child.kill('SIGKILL'))
      onEvent({
        type: 'started',
        process: { pid: child.pid!, group: child.pid!, startTime: '1' },
        ...(thread === undefined ? {} : { thread }),
      })
      let printed = ''
      child.stdout.on('data', (text: Buffer) => {
        printed += text.toString()
        onEvent({ type: 'progressed', line: text.toString().trim() })
      })
      return {
        result: new Promise((resolve) => child.once('close', () => resolve({ outcome: 'completed', summary: printed }))),
        async steer(text) {
          if (abilities.steer) child.stdin.write(`${text}\n`)
          return abilities.steer
        },
      }
    },
  }
}

interface Hearing {
  /** Sent when the agent is ready. */
  command?: SessionCommand
  /** The turn is cut off when this was said; a usage, when the second was. */
  until?: SessionEvent['type']
  usedEvery?: number
  /** What is found before the turn and after it. */
  bounds?: { before?: string; after?: string }
}

/** What was said until the turn ended or was cut off, and what it has used by what its end says: asked twice. */
async function hear(agent: Agent, { command, until = 'session.finished', usedEvery = 1_000, bounds = {} }: Hearing) {
  const threads: (string | undefined)[] = []
  const { logic, sessions, endOf } = createSessions<{ key: string }>({
    keyOf: ({ key }) => key,
    agentOf: () => agent,
    prepare: async () => ({}) as AgentRequest,
    enclose: async () => bounds.before ?? null,
    escaped: async () => bounds.after ?? null,
    nudge: (quiet) => `quiet for ${quiet}`,
    onHeard: (_request, thread) => void threads.push(thread),
    onLine: () => {},
    price: (_input, usage, model) => withCost({ m: { input: 1_000_000, output: 0 } }, model, usage),
    progressEvery: 1_000,
    usedEvery,
    after: (ms, callback) => {
      const timer = setTimeout(callback, ms)
      return () => clearTimeout(timer)
    },
  })
  const said: SessionEvent[] = []
  const isEnough = (): boolean => said.filter(({ type }) => type === until).length >= (until === 'session.used' ? 2 : 1)
  const heard = { actions: 'hear' } as const
  const actor = createActor(
    setup({
      types: { events: {} as SessionEvent },
      actors: { session: logic },
      guards: { isEnough },
      actions: {
        hear: enqueueActions(({ event, enqueue }) => {
          said.push(event)
          if (event.type === 'session.progressed' && command) enqueue.sendTo('session', command)
        }),
      },
    }).createMachine({
      initial: 'running',
      states: {
        running: {
          invoke: { id: 'session', src: 'session', input: { key: 'a' } },
          always: { guard: 'isEnough', target: 'ended' },
          on: {
            'session.started': heard,
            'session.progressed': heard,
            'session.steered': heard,
            'session.used': heard,
            'session.finished': heard,
          },
        },
        ended: { type: 'final' },
      },
    }),
  )
  actor.start()
  await waitFor(actor, ({ status }) => status === 'done', { timeout: 10_000 })
  const [left, again] = [await endOf({ key: 'a' }), await endOf({ key: 'a' })]
  await sessions.ended(10_000)
  expect(sessions.active).toBe(0)
  return { said, left, again, threads }
}

/** Sends the command when the agent is ready, and answers everything that was said until its turn ended. */
const play = async (agent: Agent, command: SessionCommand): Promise<SessionEvent[]> => (await hear(agent, { command })).said

const of = <T extends SessionEvent['type']>(said: SessionEvent[], type: T) => said.filter((event) => event.type === type)

it('a turn that is steered and nudged takes in what it is told, in words for an agent', async () => {
  const nudged = await play(createShell({ steer: true, fork: false }), { type: 'session.nudge', id: 'nudge-1', quiet: 7 })
  expect(of(nudged, 'session.steered')).toEqual([{ type: 'session.steered', id: 'nudge-1', taken: true }])
  expect(of(nudged, 'session.finished')).toMatchObject([{ result: { summary: 'ready\nquiet for 7\n' } }])
  const steered = await play(createShell({ steer: true, fork: false }), { type: 'session.steer', id: 'message-1', text: 'in English' })
  expect(of(steered, 'session.finished')).toMatchObject([{ result: { summary: 'ready\nin English\n' } }])
})

it('a turn that takes nothing in says so', async () => {
  const said = await play(createShell({ steer: false, fork: false }), { type: 'session.nudge', id: 'nudge-1', quiet: 7 })
  expect(of(said, 'session.steered')).toEqual([{ type: 'session.steered', id: 'nudge-1', taken: false }])
  expect(of(said, 'session.finished')).toMatchObject([{ result: { summary: 'ready\n' } }])
})

it('the start of a turn tells what its agent can do, and the thread it is in', async () => {
  const nudge: SessionCommand = { type: 'session.nudge', id: 'nudge-1', quiet: 7 }
  expect(of(await play(createShell({ steer: true, fork: true }, 'thread-1'), nudge), 'session.started')).toMatchObject([
    { abilities: { steer: true, fork: true }, thread: 'thread-1' },
  ])
  const [without] = of(await play(createShell({ steer: false, fork: false }), nudge), 'session.started')
  expect(without).toMatchObject({ abilities: { steer: false, fork: false } })
  expect(without).not.toHaveProperty('thread')
})

const refused: AgentResult = { outcome: 'failed', failure: 'capacity', summary: 'no room' }

/** Begins in a thread, tells this, and ends so. */
const beginning = (events: Parameters<Parameters<Agent['start']>[1]['onEvent']>[0][], result: AgentResult): Agent => ({
  ...createShell({ steer: false, fork: false }),
  start(_request, { onEvent }) {
    onEvent({ type: 'started', process: { pid: 1, group: 1, startTime: '1' }, thread: 'thread-1' })
    for (const event of events) onEvent(event)
    return { result: Promise.resolve(result), steer: async () => false }
  },
})

it.each<[string, Agent, string[]]>([
  [
    'says something',
    beginning(
      [
        { type: 'progressed', line: 'a' },
        { type: 'progressed', line: 'b' },
      ],
      refused,
    ),
    ['thread-1'],
  ],
  [
    'has used something',
    beginning([{ type: 'used', usage: { inputTokens: 1, cachedTokens: 0, outputTokens: 0, usd: 0 } }], refused),
    ['thread-1'],
  ],
  ['has done it without a word', beginning([], { outcome: 'completed', summary: '' }), ['thread-1']],
  ['was refused', beginning([{ type: 'signalled' }], refused), []],
])('its thread has what it was handed when the agent %s', async (_what, agent, expected) => {
  expect((await hear(agent, {})).threads).toEqual(expected)
})

it('the last step of its plan is told with whatever it says after it', async () => {
  const planner: Agent = {
    ...createShell({ steer: false, fork: false }),
    start(_request, { onEvent }) {
      onEvent({ type: 'progressed', line: 'reads' })
      onEvent({ type: 'progressed', line: 'Mend the tests', item: 'plan' })
      onEvent({ type: 'progressed', line: 'edits' })
      const result = new Promise<AgentResult>((resolve) => setTimeout(resolve, 1_500, { outcome: 'completed', summary: '' }))
      return { result, steer: async () => false }
    },
  }
  expect(of((await hear(planner, {})).said, 'session.progressed')).toEqual([
    { type: 'session.progressed', line: 'reads' },
    { type: 'session.progressed', line: 'edits', step: 'Mend the tests' },
  ])
})

/** Tells of what it uses a hundred times at once (seq writes them all in one piece); then waits, or ends. */
function createSpender(ending: 'ends' | 'waits'): Agent {
  return {
    kind: 'shell',
    abilities: { steer: false, fork: false },
    start(_request, { signal, onEvent }) {
      const child = spawn('sh', ['-c', `seq 100; ${ending === 'ends' ? '' : 'exec sleep 60'}`])
      const used = (n: number) => ({ ...noUsage, inputTokens: n })
      signal.addEventListener('abort', () => child.kill('SIGKILL'))
      onEvent({ type: 'started', process: { pid: child.pid!, group: child.pid!, startTime: '1' } })
      child.stdout.on('data', (text: Buffer) => {
        for (const line of text.toString().trim().split('\n')) onEvent({ type: 'used', usage: used(Number(line)), model: 'm' })
        onEvent({ type: 'progressed', line: 'told' })
      })
      return {
        result: new Promise((resolve) =>
          child.once('close', () =>
            resolve({ outcome: 'completed', summary: '', ...(!signal.aborted && { usage: used(101), model: 'm' }) }),
          ),
        ),
        steer: async () => false,
      }
    },
  }
}

const spends = (ending: 'ends' | 'waits', usedEvery: number, until: SessionEvent['type']) =>
  hear(createSpender(ending), { until, usedEvery })
const tokens = (said: SessionEvent[]) => of(said, 'session.used').map((event) => event.type === 'session.used' && event.usage.inputTokens)

it('what a turn uses is told at once, then at a bounded rate, priced, and never less than before', async () => {
  const { said } = await spends('ends', 60_000, 'session.finished')
  expect(of(said, 'session.used')).toEqual([{ type: 'session.used', usage: { ...noUsage, inputTokens: 1, usd: 1 } }])
  // The last word of it comes with the result.
  expect(of(said, 'session.finished')).toMatchObject([{ result: { usage: { inputTokens: 101, usd: 101 } } }])
})

it('of several words of its usage the newest is told when it is time', async () => {
  const { said } = await spends('waits', 20, 'session.used')
  expect(tokens(said)).toEqual([1, 100])
})

it('a turn that is cut off still says at its end what it has used, once', async () => {
  const { said, left, again } = await spends('waits', 60_000, 'session.progressed')
  expect(tokens(said)).toEqual([1])
  expect(left).toEqual({ used: { ...noUsage, inputTokens: 100, usd: 100 }, escape: null })
  expect(again).toBeNull()
})

it('a turn that has left its bounds has failed for it, whatever it says, with what it has used', async () => {
  const { said } = await hear(createSpender('ends'), { bounds: { after: 'it wrote elsewhere' } })
  expect(of(said, 'session.finished')).toMatchObject([
    { result: { outcome: 'failed', failure: 'escape', reason: 'it wrote elsewhere', usage: { inputTokens: 101 } } },
  ])
  const dead: Agent = {
    ...createShell({ steer: false, fork: false }),
    start: () => turnOf({ outcome: 'failed', summary: 's', died: true }),
  }
  const gone = await hear(dead, { bounds: { after: 'e' } })
  expect(of(gone.said, 'session.finished')).toMatchObject([{ result: { failure: 'escape', died: false } }])
})

it('one that is cut off says so at its end', async () => {
  const bounds = { after: 'it wrote elsewhere' }
  const { left } = await hear(createSpender('waits'), { bounds, usedEvery: 60_000, until: 'session.progressed' })
  expect(left).toMatchObject({ escape: 'it wrote elsewhere', used: { inputTokens: 100 } })
})

it('an agent is not started where a turn before it, that a kill cut off, has left its bounds', async () => {
  const never: Agent = { kind: 'shell', abilities: { steer: false, fork: false }, start: () => expect.unreachable() }
  const { said } = await hear(never, { bounds: { before: 'the one before wrote elsewhere' } })
  expect(said).toMatchObject([{ result: { outcome: 'failed', failure: 'escape', reason: 'the one before wrote elsewhere' } }])
})

const turnOf = (result: Awaited<ReturnType<Agent['start']>['result']>): ReturnType<Agent['start']> => ({
  result: Promise.resolve(result),
  steer: async () => false,
})
