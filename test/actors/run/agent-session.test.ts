// The effect that a turn of an agent is: what it says of the agent, and what it puts into a turn that runs. The agent here is a shell
// that reads its standard input, as agents with a protocol do.

import { spawn } from 'node:child_process'
import { expect, it } from 'vitest'
import { createActor, enqueueActions, setup, waitFor } from 'xstate'
import type { Agent, AgentRequest } from '../../../src/actors/ports.ts'
import { createSessions, type SessionEvent } from '../../../src/actors/run/agent-session.ts'
import type { SessionCommand } from '../../../src/machines/run/inputs.ts'

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

/** Sends the command when the agent is ready, and answers everything that was said until its turn ended. */
async function play(agent: Agent, command: SessionCommand): Promise<SessionEvent[]> {
  const { logic, sessions } = createSessions<{ key: string }>({
    keyOf: ({ key }) => key,
    agentOf: () => agent,
    prepare: async () => ({}) as AgentRequest,
    nudge: (quiet) => `quiet for ${quiet}`,
    onLine: () => {},
    progressEvery: 1_000,
    after: () => () => {},
  })
  const said: SessionEvent[] = []
  const actor = createActor(
    setup({
      types: { events: {} as SessionEvent },
      actors: { session: logic },
      actions: {
        hear: enqueueActions(({ event, enqueue }) => {
          said.push(event)
          if (event.type === 'session.progressed') enqueue.sendTo('session', command)
        }),
      },
    }).createMachine({
      initial: 'running',
      states: {
        running: {
          invoke: { id: 'session', src: 'session', input: { key: 'a' } },
          on: {
            'session.started': { actions: 'hear' },
            'session.progressed': { actions: 'hear' },
            'session.steered': { actions: 'hear' },
            'session.finished': { target: 'ended', actions: 'hear' },
          },
        },
        ended: { type: 'final' },
      },
    }),
  )
  actor.start()
  await waitFor(actor, ({ status }) => status === 'done', { timeout: 10_000 })
  await sessions.ended(10_000)
  expect(sessions.active).toBe(0)
  return said
}

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
