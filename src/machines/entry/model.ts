// The model of one entry of a landing queue for exploration: its queue's words at any moment, and every answer of its effects.

import { alive, dawn, spawns, tick, timersOf, type Asked, type Happening, type Model, type Situation, type Told } from '../model.ts'
import type { QueueIncident } from '../vocabulary.ts'
import type { Candidate, EntryContext, EntryInput, EntryOutput, Landing } from './context.ts'
import type { EntryEvent } from './events.ts'
import { defaultRetry } from './policy.ts'

type State = Situation<EntryContext>
type Type = EntryEvent['type']

/** The commit of the entry before it. */
const before = 'm0'
const input: EntryInput = {
  ...{ project: 'app', issue: '1', key: 'APP-1', number: 7, headSha: 'A' },
  ...{ place: { round: 1, onto: before }, isFirst: false, isWithdrawn: false },
}

/** What the queue can say. Whoever has been told that it is first stays first: the queue's model proves it. */
const examples: { [T in Type]: (c: EntryContext) => [label: string, event: Told][] } = {
  'entry.placed': (c) => {
    const round = (c.place?.round ?? 0) + 1
    const placed = (label: string, place: EntryContext['place'], isFirst: boolean): [string, Told] => [
      label,
      { type: 'entry.placed', place, isFirst },
    ]
    return [
      placed('where it is, first', c.place, true),
      placed('elsewhere on the base, first', { round, onto: null }, true),
      placed('elsewhere, first', { round, onto: before }, true),
      ...(c.isFirst
        ? []
        : [
            placed('where it is', c.place, false),
            placed('elsewhere on the base', { round, onto: null }, false),
            placed('elsewhere', { round, onto: before }, false),
            placed('nowhere', null, false),
          ]),
    ].filter(([, { place, isFirst }]) => place !== null || isFirst === false)
  },
  'entry.withdrawn': () => [['', { type: 'entry.withdrawn' }]],
}

const failure = { name: 'ci', url: null, summary: 's', logTail: '', signature: 'x' }
const candidates: Record<string, Candidate> = {
  candidate: { kind: 'candidate', base: 'b', commit: 'm' },
  conflict: { kind: 'conflict', base: 'b', files: ['a.ts'] },
  already_landed: { kind: 'already_landed', base: 'b', commit: 'f' },
}
const landings: Record<string, Landing> = {
  landed: { kind: 'landed', commit: 'm' },
  base_moved: { kind: 'base_moved' },
  'blocked by changes': { kind: 'blocked', reason: 'dirty', files: ['a.ts'] },
  'blocked by another branch': { kind: 'blocked', reason: 'branch', files: [] },
}
const checks = {
  passed: { state: 'passed', failures: [] },
  'failed for good': { state: 'failed', failures: [failure] },
  'failed for now': { state: 'failed', failures: [{ ...failure, flaky: true }] },
}
const written = { '': null }
const answers: Record<string, Record<string, unknown>> = {
  ...{ enter: written, build: candidates, test: checks, land: landings, adopt: written, evict: written, leave: written },
}
const errors = ['interrupted', 'stale-head', 'git-failed']

function events(state: State): Happening[] {
  const { context: c } = state
  const at = c.now + tick
  const told = Object.entries(examples).flatMap(([type, list]) =>
    list(c).map(([label, send]): Happening => ({ label: `${type} ${label}`, cause: 'inside', at, send })),
  )
  const ended = alive(state).flatMap((child): Happening[] => [
    ...Object.entries(answers[child]!).map(([label, output]): Happening => ({
      label: `${child} done ${label}`,
      // The base is other people's too.
      cause: label === 'base_moved' ? 'fact' : 'inside',
      at,
      done: child,
      output,
    })),
    ...errors.map((code): Happening => ({ label: `${child} failed ${code}`, cause: 'inside', at, fail: child, error: { code } })),
  ])
  return [...told, ...ended, ...timersOf(state, at)]
}

/** Obstacles after which the pause grows no longer. */
const longestWait = defaultRetry.attempts + 1

/** Places by whether they are on the base; obstacles up to where they decide; what the incident says only by its class. */
const representative = ({ context: c, ...rest }: State): State => ({
  ...rest,
  context: {
    ...c,
    now: dawn,
    place: c.place && { round: 1, onto: c.place.onto },
    obstacles: Math.min(c.obstacles, longestWait),
    reason: '',
    incident: c.incident && { class: c.incident.class, files: [], failures: [], baseSha: 'b', headSha: c.headSha, summary: '' },
  },
})

const sourcesOf = (commands: readonly Asked[]): string[] => spawns(commands).map(({ src }) => src)
const inputOf = (commands: readonly Asked[], src: string): Record<string, unknown> | undefined =>
  spawns(commands).find((command) => command.src === src)?.input as Record<string, unknown> | undefined
const reportsOf = (commands: readonly Asked[]): Told[] => commands.flatMap((command) => (command.type === 'send' ? [command.event] : []))

/** The answers after which it may have ended so. */
const ends: Record<EntryOutput['kind'], RegExp> = {
  landed: /^land done landed$/,
  found: /^adopt done $/,
  evicted: /^evict (done |failed stale-head)$/,
  left: /^leave (done |failed stale-head)$/,
}
/** The incidents that an answer can be the reason for. */
const reasons: Partial<Record<QueueIncident['class'], RegExp>> = {
  conflict: /^build done conflict$/,
  checks: /^test done failed/,
  environment: /^\w+ failed /,
}
const isInFlight = (state: State): boolean => alive(state).some((child) => child === 'land' || child === 'adopt')
/** Written where the forge and the issue see it that it has left; tried until it is. */
const leaves: Happening = { label: 'leave done ', cause: 'inside', at: dawn, done: 'leave', output: null }

export const entryModel: Model<EntryContext> = {
  machine: 'entry',
  parent: 'queue/1',
  worlds: [
    { name: 'one head in the line', input, events },
    // As after an actor that has been given up.
    { name: 'one head that leaves', input: { ...input, place: null, isWithdrawn: true }, events },
  ],
  representative,
  properties: [
    {
      id: 'P1',
      statement: 'A withdrawal is taken in every state: only a landing in flight is waited for, and nothing begins after it but its note.',
      state: (state, from) => {
        if (state.status !== 'active') return undefined
        const others = alive(state).filter((child) => !['leave', 'land', 'adopt'].includes(child))
        if (state.context.isWithdrawn && others.length > 0) return `${others.join(', ')} goes on`
        const { after } = from({ label: 'entry.withdrawn ', cause: 'inside', at: dawn, send: { type: 'entry.withdrawn' } })
        if (!after.context.isWithdrawn) return 'it does not know that it is withdrawn'
        if (isInFlight(state))
          return JSON.stringify(after.children) === JSON.stringify(state.children) ? undefined : 'a landing is broken off'
        return JSON.stringify(after.value).includes('leaving') ? undefined : `a withdrawal leads to ${JSON.stringify(after.value)}`
      },
      step: ({ before: { context }, commands }) =>
        context.isWithdrawn && sourcesOf(commands).some((src) => src !== 'recordLeft')
          ? `${sourcesOf(commands).join(', ')} begins`
          : undefined,
    },
    {
      id: 'P2',
      statement:
        'Checks run again only in another place, on a base that somebody moved, after a death of our own process, or a counted number of times.',
      cycle: {
        free: ({ happening }) =>
          happening.cause === 'inside' && !happening.label.startsWith('entry.placed elsewhere') && !happening.label.endsWith('interrupted'),
        costly: ({ commands }) => sourcesOf(commands).includes('runCandidateChecks'),
      },
    },
    {
      id: 'P4',
      statement: 'Only the first lands, and exactly the commit that was built in its place and has passed its checks.',
      step: ({ after: { context: c }, commands }) => {
        const landing = inputOf(commands, 'landCandidate')
        if (landing === undefined) return undefined
        if (!c.isFirst || c.place === null) return 'it is not the first'
        if (!c.isTested) return 'it has not passed its checks'
        return landing['commit'] === c.candidate?.commit && landing['base'] === c.candidate?.base ? undefined : 'it is not what was tested'
      },
      state: ({ context: c }) => (c.isTested && c.candidate === null ? 'nothing has passed its checks' : undefined),
    },
    {
      id: 'P5',
      statement:
        'Until it has ended, an effect works, a pause is pending, or it waits for its queue; a withdrawal that can be noted leads to its end.',
      state: (state, from) => {
        if (state.status !== 'active') return undefined
        const { context: c } = state
        const waits = c.place === null || !c.isFirst
        if (alive(state).length === 0 && Object.keys(state.timers).length === 0 && !waits) return 'it waits for nothing'
        const gone = from({ label: '', cause: 'inside', at: dawn, send: { type: 'entry.withdrawn' } })
        const [child] = alive(gone.after)
        const fails = (id: string): Happening => ({ label: '', cause: 'inside', at: dawn, fail: id, error: { code: 'git-failed' } })
        const rested = child === 'leave' || child === undefined ? gone : gone.then(fails(child))
        const noted = alive(rested.after).includes('leave')
          ? rested.then(leaves)
          : // The note itself has failed before, and is tried again after its pause.
            rested.then({ label: '', cause: 'inside', at: dawn, timer: Object.keys(rested.after.timers)[0]! }).then(leaves)
        return noted.after.status === 'done' ? undefined : `it stays in ${JSON.stringify(noted.after.value)}`
      },
    },
    {
      id: 'P7',
      statement:
        'What the queue says twice is said once; it ends once, as what was written last says, and reports on the place that it has.',
      arrival: ({ after, happening, then }) => {
        if (!happening.label.startsWith('entry.') || after.status !== 'active' || !('send' in happening)) return undefined
        const again = then({ ...happening, at: after.context.now })
        return JSON.stringify(again.after.context) === JSON.stringify(after.context) && again.commands.length === 0
          ? undefined
          : 'the second one changes something'
      },
      step: ({ before: { context }, after, commands, happening }) => {
        const wrong = reportsOf(commands).find(({ round }) => round !== context.place?.round)
        if (wrong !== undefined) return `'${wrong.type}' is of another place`
        if (after.status !== 'done') return undefined
        const kind = after.context.outcome?.kind
        return kind !== undefined && ends[kind].test(happening.label) ? undefined : `it ends as '${kind}' after '${happening.label}'`
      },
    },
    {
      id: 'P9',
      statement: 'A head that its pull request no longer has, or that is closed, leads to its end without a landing.',
      step: ({ before: { context, children }, after, happening }) => {
        const isGone = 'fail' in happening && happening.error.code === 'stale-head'
        if (!isGone || !['enter', 'build', 'land', 'evict', 'leave'].includes(happening.fail)) return undefined
        if (after.status === 'done') return context.outcome === null ? undefined : `it had ended, with ${Object.keys(children).join(', ')}`
        return alive(after).join() === 'leave' ? undefined : `it goes on in ${JSON.stringify(after.value)}`
      },
    },
    {
      id: 'P11',
      statement:
        'It is given back for what was found out there; the environment is the reason only after it has failed a bounded number of times.',
      step: ({ before: { context: a }, after: { context: b }, commands, happening }) => {
        if (b.incident !== null && b.incident.class !== a.incident?.class && !reasons[b.incident.class]?.test(happening.label))
          return `'${b.incident.class}' after '${happening.label}'`
        const given = inputOf(commands, 'recordEviction')?.['incident'] as QueueIncident | null | undefined
        if (given === undefined) return undefined
        if (given === null) return 'it is given back for nothing'
        if (given.class === 'environment')
          return b.obstacles >= defaultRetry.attempts ? undefined : `given back after ${b.obstacles} failures`
        return b.isFirst ? undefined : 'it is given back for what may be the fault of one before it'
      },
    },
    {
      id: 'P12',
      statement: 'At most one effect works for it, and none once it has ended.',
      state: (state) => (alive(state).length > (state.status === 'active' ? 1 : 0) ? alive(state).join(', ') : undefined),
    },
  ],
}
