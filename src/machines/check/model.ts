// The model of one head's checks for exploration: every answer of its effects, every failure, every pause.

import { alive, dawn, spawns, tick, timersOf, type Happening, type Model, type Situation } from '../model.ts'
import type { CheckContext, CheckResult } from './context.ts'
import type { CheckEvent } from './events.ts'

type State = Situation<CheckContext>

const examples: { [T in CheckEvent['type']]: CheckEvent[] } = { 'check.retried': [{ type: 'check.retried' }] }
const results: CheckResult[] = (['passed', 'failed', 'none'] as const).map((state) => ({ state, names: ['ci'], failures: [] }))
const failures = ['interrupted', 'unknown-head', 'git-failed']
/** Obstacles after which the pause grows no longer. */
const mostObstacles = 7

const answers: Record<string, unknown[]> = { checks: results, record: [null], obstacle: [null] }

function events(state: State): Happening[] {
  const at = dawn + tick
  return [
    ...Object.values(examples)
      .flat()
      .map(({ type }): Happening => ({ label: type, cause: 'word', at, send: { type } })),
    ...alive(state).flatMap((child): Happening[] => [
      ...answers[child]!.map((output): Happening => ({
        label: `${child} done ${(output as CheckResult | null)?.state ?? ''}`,
        cause: 'inside',
        at,
        done: child,
        output,
      })),
      ...failures.map((code): Happening => ({ label: `${child} failed ${code}`, cause: 'inside', at, fail: child, error: { code } })),
    ]),
    ...timersOf(state, at),
  ]
}

export const checkModel: Model<CheckContext> = {
  machine: 'check',
  parent: null,
  worlds: [{ name: 'one head', input: { project: 'app', issue: '1', number: 7, headSha: 'A' }, events }],
  representative: ({ context, ...rest }) => ({ ...rest, context: { ...context, obstacles: Math.min(context.obstacles, mostObstacles) } }),
  properties: [
    {
      id: 'P2',
      statement: 'The checks come back to running only after a pause, the word of a person, or a death of our own process.',
      cycle: {
        free: ({ happening }) => happening.cause === 'inside' && !('timer' in happening) && !happening.label.endsWith('interrupted'),
        costly: ({ commands }) => spawns(commands).some(({ src }) => src === 'runChecks'),
      },
    },
    {
      id: 'P5',
      statement: 'Until the checks are known an effect works or a pause is pending.',
      state: (state) =>
        state.status === 'active' && alive(state).length === 0 && Object.keys(state.timers).length === 0
          ? 'it waits for nothing'
          : undefined,
    },
    {
      id: 'P7',
      statement: 'Asking twice to try again is asking once.',
      arrival: ({ after, happening, then }) =>
        happening.cause === 'word' && JSON.stringify(then(happening).after) !== JSON.stringify(after)
          ? 'the second one changes something'
          : undefined,
    },
    {
      id: 'P11',
      statement: 'What is recorded is what the checks said: a failure of the environment never becomes a result.',
      step: ({ before, happening, commands }) => {
        if (!spawns(commands).some(({ src }) => src === 'recordChecks')) return undefined
        return before.context.result !== null || ('done' in happening && happening.done === 'checks')
          ? undefined
          : 'a result without checks'
      },
    },
    {
      id: 'P12',
      statement: 'At most one effect works for a head.',
      state: (state) => (alive(state).length > 1 ? alive(state).join(', ') : undefined),
    },
  ],
}
