// The landing queue's model for exploration: two pull requests, one of them with a newer head, two urgencies, every answer of the forge.

import { alive, emits, isTimer, spawns, tick, timersOf, type Happening, type Model, type Situation } from '../model.ts'
import type { QueueContext, QueueEntry } from './context.ts'
import type { QueueEvent } from './events.ts'
import { isSame, mostObstacles } from './policy.ts'

type State = Situation<QueueContext>
type Entry = Omit<QueueEntry, 'enqueuedAt'>

const entry = (number: number, headSha: string, priority = 0): Entry => ({
  ...{ project: 'app', issue: `${number}`, key: `APP-${number}`, number, headSha, priority },
})
const asked = [entry(1, 'A'), entry(1, 'B'), entry(2, 'C'), entry(2, 'C', 1)]
const withdrawn = [entry(1, 'A'), entry(1, 'B'), entry(2, 'C')]

const examples: { [T in QueueEvent['type']]: Entry[] } = { 'landing.requested': asked, 'landing.withdrawn': withdrawn }

const base = { base: 'base', commit: 'merge' }
const checks = (state: string) => ({ state, names: [], failures: [] })
/** What each effect can answer, by its id; a move of the base is a fact of the world. */
const answers: Record<string, [label: string, output: unknown, cause?: Happening['cause']][]> = {
  enter: [['noted', null]],
  build: [
    ['candidate', { kind: 'candidate', ...base }],
    ['conflict', { kind: 'conflict', base: 'base', files: ['a.ts'] }],
    ['landed already', { kind: 'already_landed', ...base }],
  ],
  test: [
    ['passed', checks('passed')],
    ['none', checks('none')],
    ['failed', checks('failed')],
  ],
  land: [
    ['landed', { kind: 'landed', commit: 'merge' }],
    ['base moved', { kind: 'base_moved' }, 'fact'],
    ['blocked', { kind: 'blocked', reason: 'dirty', files: ['a.ts'] }],
    ['blocked otherwise', { kind: 'blocked', reason: 'locked', files: [] }],
  ],
  adopt: [['noted', null]],
  evict: [['noted', null]],
  leave: [['noted', null]],
}
const failures = ['interrupted', 'stale-head', 'git-failed']

function events(state: State): Happening[] {
  const at = state.context.now + tick
  return [
    ...Object.entries(examples).flatMap(([type, entries]) =>
      entries.map((one): Happening => ({
        label: `${type} ${one.headSha}${one.priority ? ' urgently' : ''}`,
        cause: 'word',
        at,
        send: { type, ...one },
      })),
    ),
    ...alive(state).flatMap((child): Happening[] => [
      ...answers[child]!.map(([label, output, cause = 'inside']): Happening => ({
        label: `${child} ${label}`,
        cause,
        at,
        done: child,
        output,
      })),
      ...failures.map((code): Happening => ({ label: `${child} failed ${code}`, cause: 'inside', at, fail: child, error: { code } })),
    ]),
    ...timersOf(state, at),
  ]
}

/** Who came first matters, not when. */
function representative({ context: c, ...rest }: State): State {
  const start = 1_000_000_000
  const times = [...new Set(c.entries.map(({ enqueuedAt }) => enqueuedAt))].sort((a, b) => a - b)
  return {
    ...rest,
    context: {
      ...c,
      now: start,
      entries: c.entries.map((one) => ({ ...one, enqueuedAt: start - times.length + times.indexOf(one.enqueuedAt) })),
      head: c.head && { ...c.head, enqueuedAt: start - tick },
      obstacles: Math.min(c.obstacles, mostObstacles),
    },
  }
}

const landings = (commands: Parameters<typeof spawns>[0]) => spawns(commands).filter(({ src }) => src === 'landCandidate')
const isOfHead = (state: State, happening: Happening): boolean =>
  'send' in happening && state.context.head !== null && isSame(state.context.head, happening.send as unknown as Entry)

export const queueModel: Model<QueueContext> = {
  machine: 'queue',
  parent: null,
  worlds: [{ name: 'two pull requests', input: { project: 'app' }, events }],
  representative,
  properties: [
    {
      id: 'P1',
      statement: 'A withdrawal is taken in every state and starts no landing; one in flight is not tried again after it.',
      step: ({ before, happening, commands, after }) => {
        if (landings(commands).length === 0) return undefined
        if (happening.label.startsWith('landing.withdrawn') && isOfHead(before, happening)) return 'a landing of what was withdrawn'
        const { head, withdrawn: gone } = after.context
        return head && gone && isSame(head, gone) ? 'a landing of what was withdrawn' : undefined
      },
      arrival: ({ after, happening }) =>
        happening.label.startsWith('landing.withdrawn') &&
        after.context.entries.some((one) => isSame(one, (happening as { send: unknown }).send as Entry))
          ? 'it stands in the line still'
          : undefined,
    },
    {
      id: 'P2',
      statement:
        'A landing is tried again only after a pause, a move of the base or a new request; what fails is tried a bounded number of times.',
      cycle: {
        free: ({ happening }) => happening.cause === 'inside' && !('timer' in happening) && !happening.label.endsWith('interrupted'),
        costly: ({ commands }) => spawns(commands).length > 0,
      },
    },
    {
      id: 'P4',
      statement: 'The base moves only to a commit whose checks have passed, of the head of the line.',
      step: ({ before, happening, commands }) => {
        if (landings(commands).length === 0) return undefined
        const hasPassed = happening.label === 'test passed' || happening.label === 'test none'
        return hasPassed || ('timer' in happening && isTimer(happening.timer, 'held') && before.context.held !== null)
          ? undefined
          : 'it was not tested'
      },
    },
    {
      id: 'P5',
      statement: 'Only an empty queue waits for nothing: otherwise an effect works or a pause is pending.',
      state: (state) => {
        const { head, entries } = state.context
        if (alive(state).length > 0 || Object.keys(state.timers).length > 0) return undefined
        return head !== null || entries.length > 0 ? 'somebody waits for nothing' : undefined
      },
    },
    {
      id: 'P7',
      statement: 'A request or a withdrawal that comes twice is one.',
      arrival: ({ after, happening, then, isLoop }) => {
        if (isLoop || happening.cause !== 'word') return undefined
        const again = then({ ...happening, at: after.context.now })
        const plain = ({ context, value }: State): string =>
          JSON.stringify([value, { ...context, entries: context.entries.map((one) => ({ ...one, enqueuedAt: 0 })) }])
        return plain(again.after) === plain(after) && spawns(again.commands).length === 0 ? undefined : 'the second one changes something'
      },
    },
    {
      id: 'P11',
      statement: 'A failure of the environment gives nobody back before it was tried the agreed number of times.',
      step: ({ before, after, happening }) => {
        const isGivenBack = after.context.incident !== null && before.context.incident === null
        return isGivenBack &&
          after.context.incident?.class === 'environment' &&
          before.context.obstacles + 1 < mostObstacles &&
          'fail' in happening
          ? `given back after ${before.context.obstacles + 1}`
          : undefined
      },
    },
    {
      id: 'P12',
      statement: 'At most one effect works, for the head of the line; nobody stands in the line twice; a hold is told once and ends once.',
      state: (state) => {
        const { entries, head } = state.context
        if (alive(state).length > 1) return alive(state).join(', ')
        if (alive(state).length === 1 && head === null) return 'an effect for nobody'
        const numbers = entries.map(({ number }) => number)
        return new Set(numbers).size === numbers.length ? undefined : 'one of them stands there twice'
      },
      step: ({ before, commands }) =>
        emits(commands, 'queue.resumed').length > 0 && before.context.held === null ? 'the end of no hold' : undefined,
    },
  ],
}
