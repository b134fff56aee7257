// A run's model for exploration: its parent's words at any moment, and every answer of its effects and its session.

import { alive, dawn, spawns, timersOf, type Happening, type Model, type Situation, type Told } from '../model.ts'
import { failureClasses, noUsage } from '../vocabulary.ts'
import type { Inspection, Published, RunContext, RunInput, SessionResult } from './context.ts'
import type { RunEvent } from './events.ts'
import { canPublish } from './guards.ts'
import { limitOf, reportEvery } from './policy.ts'
import { verdictOf } from './review.ts'

type State = Situation<RunContext>
type Type = RunEvent['type']

const minute = 60_000
const input: RunInput = {
  ...{ issue: '1', project: 'app', key: 'APP-1', title: 'T', description: '', url: 'u', runId: 'run-1', type: 'ci_repair', attempt: 1 },
  ...{ agent: 'a', branch: 'b', base: 'main', published: 'P', past: 'P', keep: false, restartFrom: null, messages: [], question: null },
  ...{ review: null, checks: null, incident: null, lastFailure: null },
  ...{ onto: null, replaces: null, umbrella: null, conflict: false, pastPatch: null, protectedPaths: [], round: 1, sequencing: false },
  budget: { spent: { tokens: 0, usd: 1 }, limits: { tokens: null, usd: 9 } },
  limits: { run: 120 * minute, progress: 15 * minute, signal: 10 * minute },
}

/** The first work on an issue: before it is published it is compared with what is in flight. */
const first: RunInput = { ...input, type: 'implementation', published: null, past: null, sequencing: true }
const reviewInput: RunInput = { ...input, type: 'review' }

const process_ = { pid: 1, group: 1, startTime: '1' }
const usage = { ...noUsage, inputTokens: 1 }
const results: SessionResult[] = [
  { outcome: 'completed', summary: 's', usage },
  { outcome: 'no_change', summary: 's' },
  { outcome: 'needs_input', summary: 's', question: '?' },
  ...failureClasses.flatMap((failure): SessionResult[] =>
    failure === 'dirty' || failure === 'scope' || failure === 'stalled' || failure === 'budget'
      ? []
      : [{ outcome: 'failed', failure, summary: 's' }],
  ),
  { outcome: 'failed', failure: 'environment', summary: 's', lost: true },
  { outcome: 'failed', failure: 'environment', summary: 's', died: true },
  { outcome: 'failed', failure: 'agent', summary: 's', exhausted: true },
]

const finding = { path: 'a.ts', line: 1, body: 'f' }
/** What a reviewer answers beside that: readable as a verdict or not. */
const verdicts: [label: string, result: SessionResult][] = [
  ['an approval', { outcome: 'completed', summary: 's', verdict: 'approve', findings: [] }],
  ['an objection', { outcome: 'completed', summary: 's', verdict: 'approve', findings: [{ ...finding, blocking: true }] }],
  ['an empty objection', { outcome: 'completed', summary: '', verdict: 'request_changes' }],
]

type Example = [label: string, event: Omit<RunEvent, 'at'> & Told, later?: number]
/** Examples of each type of event; a new type does not compile without. Errors of children are answers, below. */
const examples: { [T in Type]: Example[] } = {
  'run.stop': (['released', 'superseded'] as const).map((outcome) => [outcome, { type: 'run.stop', outcome, reason: outcome }]),
  'run.steer': [['', { type: 'run.steer', id: 'message-1', text: 't' }]],
  // Of what kind the agent is, says its world.
  'session.started': [['', { type: 'session.started', process: process_ }]],
  'session.progressed': [
    ['soon', { type: 'session.progressed', line: 'l' }],
    ['later', { type: 'session.progressed', line: 'l' }, reportEvery],
  ],
  'session.signalled': [['', { type: 'session.signalled' }]],
  'session.refused': [['', { type: 'session.refused', text: 't' }]],
  'session.steered': [true, false].map((taken) => [`${taken}`, { type: 'session.steered', id: 'message-1', taken }]),
  'session.used': [
    ['a little', { type: 'session.used', usage }],
    ['a little later', { type: 'session.used', usage }, reportEvery],
    ['all', { type: 'session.used', usage: { ...usage, usd: 8 } }],
  ],
  'session.finished': results.map((result) => [
    `${result.outcome} ${result.failure ?? ''}${result.lost ? ', the thread is lost' : ''}${result.exhausted ? ', the thread is full' : ''}${result.died ? ', its process died' : ''}`,
    { type: 'session.finished', result },
  ]),
  'xstate.error.actor.session': [],
}

const looked: Inspection = {
  ...{
    head: 'A',
    branch: 'b',
    dirty: [],
    operation: null,
    descendsFromSince: true,
    hasParent: true,
    commitsAhead: 1,
    files: [],
    patchId: 'p',
    tree: 't',
  },
  ...{ reverts: [], protectedFiles: [] },
}
const inspections: Record<string, Partial<Inspection>> = {
  fine: {},
  dirty: { dirty: ['a.ts'] },
  'in the middle of a merge': { operation: 'merge' },
  'on no branch': { branch: null },
  rewritten: { descendsFromSince: false },
  'not moved': { head: 'P' },
  'nothing ahead': { commitsAhead: 0 },
  'without its base': { hasParent: false },
  'out of bounds': { protectedFiles: ['package.json'] },
}
/** A reviewer's checkout, which has the head that was to be looked at, unless its agent has changed that. */
const reviewed: Record<string, Partial<Inspection>> = {
  untouched: { head: 'P', review: { bound: [], others: [], left: [] } },
  edited: { head: 'P', dirty: ['a.ts'] },
  'committed to': { head: 'A' },
}
const published: Published = { number: 7, url: 'u', headSha: 'A', headRef: 'b', baseRef: 'main', draft: false, state: 'open' }
const answers: Record<string, [label: string, output: unknown][]> = {
  prepare: [['', { path: '/w', head: 'base', baseHead: 'base', dirty: [] }]],
  closing: [
    ['', null],
    ['out of bounds', { left: [], escape: 'e' }],
  ],
  verify: Object.entries(inspections).map(([label, found]) => [label, { ...looked, ...found }]),
  comparison: [
    ['none', null],
    ['conflict', { number: 6, url: 'u', branch: 'other', head: 'O', files: ['a.ts'] }],
  ],
  publish: [['', published]],
  submit: [
    ['taken', { counts: true }],
    ['of an old head', { counts: false }],
  ],
}
const answersTo = (child: string, { type }: RunContext): [label: string, output: unknown][] =>
  child === 'verify' && type === 'review'
    ? Object.entries(reviewed).map(([label, found]) => [label, { ...looked, ...found }])
    : (answers[child] ?? [])
/** What a look at the worktree of a silent agent finds, and how a turn answers a nudge. */
const looks = ({ context: { stillSince } }: State): [label: string, output: unknown][] => [
  ['nothing new', { changedAt: null }],
  ['a change', { changedAt: stillSince + 1 }],
]
const nudged = ({ context: { nudges } }: State): Example[] =>
  [true, false].map((taken) => [`the nudge, ${taken}`, { type: 'session.steered', id: `nudge-${nudges}`, taken }])
const failures = ['interrupted', 'worktree-broken', 'spawn-failed']

/** Agents by what they can do: with neither a thread nor steering, as a shell; with a thread; with everything. */
const agents: Record<string, object> = {
  'a shell': {},
  'an agent with a thread': { thread: 't' },
  'an able agent': { thread: 't', abilities: { steer: true, fork: true } },
}

const events =
  (agent: object) =>
  (state: State): Happening[] => {
    // Only the pause between two reports is a matter of time, and either over or not.
    const at = state.context.now
    const told = Object.entries(examples).flatMap(([type, list]) =>
      [...list, ...(type === 'session.steered' ? nudged(state) : [])].flatMap(([label, event, later = 0]): Happening[] => {
        const said = { label: `${type} ${label}`, cause: type.startsWith('run.') ? ('word' as const) : ('inside' as const), at: at + later }
        if (type.startsWith('run.')) return [{ ...said, send: event }]
        const words = type === 'session.started' ? { ...event, ...agent } : event
        return alive(state).includes('session') ? [{ ...said, says: 'session', event: words }] : []
      }),
    )
    const judged = verdicts.flatMap(([label, result]): Happening[] =>
      state.context.type === 'review' && alive(state).includes('session')
        ? [{ label: `session.finished ${label}`, cause: 'inside', at, says: 'session', event: { type: 'session.finished', result } }]
        : [],
    )
    const ended = alive(state).flatMap((child): Happening[] => [
      ...(child === 'probe' ? looks(state) : answersTo(child, state.context)).map(([label, output]): Happening => ({
        label: `${child} done ${label}`,
        cause: 'inside',
        at,
        done: child,
        output,
      })),
      ...failures.map((code): Happening => ({ label: `${child} failed ${code}`, cause: 'inside', at, fail: child, error: { code } })),
    ])
    return [...told, ...judged, ...ended, ...timersOf(state, at)]
  }

/**
 * How long ago matters only for the next report of progress. Which turn it is and which nudge, what was used, who was steered and the
 * agent's last words, no decision asks.
 */
function representative({ context: c, ...rest }: State): State {
  const whenever = (at: number | null): number | null => at && dawn
  return {
    ...rest,
    context: {
      ...c,
      now: dawn,
      startedAt: dawn,
      idle: 0,
      toldAt: dawn - Math.min(c.now - c.toldAt, reportEvery),
      lastSignalAt: whenever(c.lastSignalAt),
      lastProgressAt: whenever(c.lastProgressAt),
      stillSince: dawn,
      turns: Math.min(c.turns, 1),
      nudges: 0,
      restarts: Math.min(c.restarts, limitOf(c, 'restarts')),
      lastLine: null,
      // It may end with the last words.
      ending: c.ending && { ...c.ending, reason: '' },
      recovery: c.recovery && { ...c.recovery, quiet: 0, lastLine: null },
      usage: noUsage,
      usageBefore: noUsage,
      steered: [],
      said: [],
      progressed: false,
      uncommitted: null,
      // Wherever else it is decided on, it is looked at anew before.
      // Only a turn that is to get onto another change is asked whether it has.
      inspection:
        c.inspection && ['publishing', 'sequencing', 'submitting'].includes(String(rest.value))
          ? { ...c.inspection, hasParent: true }
          : null,
      sequence: c.sequence && { ...c.sequence, before: { ...c.sequence.before, hasParent: true } },
    },
  }
}

const answersOf = (commands: Parameters<typeof spawns>[0]): Told[] =>
  commands.flatMap((command) => (command.type === 'send' && command.event.type === 'run.finished' ? [command.event] : []))

/**
 * On the way to a first publication, or to the question why there is nothing to publish; how a turn starts, goes on and is resumed is of
 * the other world.
 */
const atPublication =
  /^(run\.stop|session\.(started $|finished (completed|needs_input|failed (agent|escape)))|the (prepare|comparison|verify|publish|closing)|(prepare|comparison|publish|closing) |verify (done (fine|dirty|rewritten|nothing|without)|failed)|session failed|timer (runLimit|completion|ending))/

export const runModel: Model<RunContext> = {
  machine: 'run',
  parent: 'issue/1',
  worlds: [
    ...Object.entries(agents).map(([name, agent]) => ({ name: `a repair by ${name}`, input, events: events(agent) })),
    {
      name: 'a first publication',
      input: first,
      events: (state) => events({})(state).filter(({ label }) => atPublication.test(label)),
    },
    { name: 'a review', input: reviewInput, events: events({}) },
  ],
  representative,
  properties: [
    {
      id: 'P1',
      statement:
        'A stop is taken in every state: nothing starts after it but the end of the agent, and the run settles as it was asked to.',
      arrival: ({ after, happening, commands }) => {
        if (!happening.label.startsWith('run.stop')) return undefined
        if (spawns(commands).some(({ src }) => src !== 'endSession')) return 'something starts'
        return after.context.ending?.outcome === happening.label.split(' ')[1] ? undefined : 'it does not end as asked'
      },
      step: ({ before, commands }) => {
        const wasAsked = ['released', 'superseded'].includes(before.context.ending?.outcome ?? '')
        if (!wasAsked) return undefined
        if (spawns(commands).length > 0) return 'something starts after the stop'
        return answersOf(commands).some(({ outcome }) => outcome !== 'released' && outcome !== 'superseded')
          ? 'it answers something else'
          : undefined
      },
    },
    {
      id: 'P2',
      statement: 'The agent is started a bounded number of times: by turns and by resumptions that are counted.',
      cycle: { free: () => true, costly: ({ commands }) => spawns(commands).some(({ src }) => src === 'agentSession') },
    },
    {
      id: 'P3',
      statement: 'A turn that has used up what its issue may spend is ended at once, and the run answers that it was the budget.',
      arrival: ({ after, happening }) => {
        if (happening.label !== 'session.used all') return undefined
        return alive(after).includes('session') || after.context.ending?.failure !== 'budget' ? 'it goes on' : undefined
      },
      step: ({ commands, before }) =>
        answersOf(commands).some(({ failure }) => failure === 'budget') && before.context.ending?.failure !== 'budget'
          ? 'a budget that nobody has crossed'
          : undefined,
    },
    {
      id: 'P4',
      statement: 'Only what was looked at is published: clean, on its branch, on top of what was published, and new.',
      step: ({ before, after: { context }, commands, happening }) => {
        if (!spawns(commands).some(({ src }) => src === 'publishChange')) return undefined
        if (!canPublish({ context })) return 'it is not fit to be published'
        if (/^verify done (fine|without its base)$/.test(happening.label)) return undefined
        // What was fit before it was compared, or before a turn that did not get it onto another change.
        const isAsBefore = JSON.stringify(context.inspection) === JSON.stringify(context.sequence?.before)
        const mayBe = happening.label.startsWith('comparison ') || before.context.turnKind === 'stack' || before.context.onto !== null
        return isAsBefore && mayBe && context.onto === null ? undefined : `published after ${happening.label}`
      },
    },
    {
      id: 'P4',
      statement:
        'Of a turn that has left its bounds nothing is published or judged, and no other follows; the run fails with it unless it was called off.',
      arrival: ({ after, happening, commands }) => {
        if (!/^session\.finished failed escape|^closing done out of bounds/.test(happening.label)) return undefined
        if (spawns(commands).length > 0) return 'something starts'
        const { outcome, failure } = after.context.ending ?? {}
        return failure === 'escape' || outcome === 'released' || outcome === 'superseded' ? undefined : `it ends as ${outcome} ${failure}`
      },
      step: ({ commands, before, happening }) =>
        answersOf(commands).some(({ failure }) => failure === 'escape') &&
        before.context.ending?.failure !== 'escape' &&
        !/failed escape|out of bounds/.test(happening.label)
          ? 'an escape that nobody has seen'
          : undefined,
    },
    {
      id: 'P4',
      statement: 'A verdict is given only of the head that was to be looked at, untouched, and as its agent said it: never by default.',
      step: ({ after: { context }, commands, happening }) => {
        const asked = spawns(commands).some(({ src }) => src === 'submitReview')
        if (asked && happening.label !== 'verify done untouched') return `a verdict after ${happening.label}`
        if (asked && (context.type !== 'review' || verdictOf(context.result!) === null)) return 'a verdict that nobody has given'
        const wrong = answersOf(commands).find(
          ({ review, outcome }) => (review !== null) !== (context.type === 'review' && outcome === 'completed'),
        )
        if (wrong !== undefined) return 'it answers a verdict without having completed a review, or the other way round'
        return answersOf(commands).some(({ review }) => review !== null) && happening.label !== 'submit done taken'
          ? 'a verdict that the forge has not taken'
          : undefined
      },
    },
    {
      id: 'P5',
      statement: 'Until it has settled, an effect or its session is alive; what waits for the agent has a timer too.',
      state: (state) => {
        if (state.status !== 'active') return undefined
        if (alive(state).length === 0) return 'nothing is alive'
        const waits = alive(state).some((child) => child === 'session' || child === 'closing')
        return waits && Object.keys(state.timers).length === 0 ? 'it waits for the agent without a limit' : undefined
      },
    },
    {
      id: 'P7',
      statement: 'A stop that comes twice is one, and a run answers once.',
      arrival: ({ after, happening, then }) => {
        if (!happening.label.startsWith('run.stop') || after.status !== 'active') return undefined
        const again = then({ ...happening, at: after.context.now })
        return JSON.stringify(again.after.context) === JSON.stringify(after.context) && again.commands.length === 0
          ? undefined
          : 'the second one changes something'
      },
      step: ({ after, commands }) => {
        const count = answersOf(commands).length
        return count === (after.status === 'done' ? 1 : 0) ? undefined : `${count} answers in '${after.status}'`
      },
    },
    {
      id: 'P11',
      statement: 'What is called a shortage is what the agent says is one: nothing else is answered so.',
      step: ({ commands, happening }) =>
        answersOf(commands).some(({ failure }) => failure === 'capacity') && happening.label !== 'session.finished failed capacity'
          ? 'a shortage that nobody reported'
          : undefined,
    },
    {
      id: 'P12',
      statement:
        'Exactly one effect or session is alive until it has settled, and none afterwards; a session may have its worktree looked at. In the place of an agent that was ended another is started once it has ended; beside one that does not end nothing begins.',
      state: (state) => {
        const expected = state.status === 'active' ? 1 : 0
        const isWatched = alive(state).includes('session')
        const count = alive(state).filter((child) => !(isWatched && child === 'probe')).length
        return count === expected ? undefined : `alive: ${alive(state).join(', ') || 'nothing'}`
      },
      step: ({ before, commands, happening }) =>
        alive(before).includes('closing') &&
        spawns(commands).some(({ src }) => src !== 'endSession') &&
        !happening.label.startsWith('closing done')
          ? 'something begins beside an agent that has not ended'
          : undefined,
    },
  ],
}
