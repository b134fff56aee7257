// What has to hold for an issue in every state and step of its model (P1 to P12).

import { alive, emits, spawns, type Asked, type Happening, type Property, type Situation, type Transition } from '../model.ts'
import { runTypes } from '../vocabulary.ts'
import type { IssueContext } from './context.ts'
import { isTerminal, phaseIn, waitingFor } from './document.ts'
import { isActing } from './guards.ts'
import { presentReviews } from './head-facts.ts'
import { eventNamed, factsBut, type State } from './model-events.ts'
import { pollOf } from './model-poll.ts'
import { agentsFor } from './policy.ts'

type Step = Transition<IssueContext>

const regionOf = ({ value }: State): string => {
  const { run } = value as { run: unknown }
  return typeof run === 'string' ? run : JSON.stringify(run)
}
const authorityOf = ({ value }: State): string => (value as { authority: string }).authority
const typeOf = ({ label }: Happening): string => label.split(' ')[0]!
const outcomeOf = (happening: Happening): Record<string, unknown> | null =>
  'send' in happening && happening.send.type === 'run.finished' ? happening.send : null

/** What may not begin without leave: a run, a place for one, a landing. */
const runsIn = (commands: readonly Asked[]) => spawns(commands).filter(({ src }) => src === 'run')
const starts = (commands: readonly Asked[]): string[] => [
  ...runsIn(commands).map(({ child }) => child),
  ...emits(commands, 'capacity.requested').map(() => 'a place'),
  ...emits(commands, 'landing.decided').flatMap(({ wanted }) => (wanted ? ['a landing'] : [])),
  ...emits(commands, 'publication.decided').flatMap(({ wanted }) => (wanted ? ['a publication'] : [])),
]

/** Milliseconds: a day, and what goes by until it is looked at. */
const longestWait = 24 * 3_600_000 + 1

const named = (state: State, type: Parameters<typeof eventNamed>[1], label = ''): Happening => eventNamed(state, type, label)!

/** The state when the run, if there is one, has answered that it was called off. */
function rested(step: Step): Step {
  const { run } = step.after.context
  return run === null ? step : step.then(named(step.after, 'run.finished', 'released'))
}

const isExternal = ({ happening }: Step): boolean => happening.cause !== 'inside'
/** A run that did its work or got somewhere spends of the lifetime's hours; one is called off only for a word or a fact. */
const hasProgress = ({ happening }: Step): boolean => {
  const answer = outcomeOf(happening)
  return answer !== null && (['completed', 'released', 'superseded'].includes(answer['outcome'] as string) || answer['progressed'] === true)
}

/** Everything but when things were seen, and whether a publication is remembered that the forge has told of. */
const factsOf = ({ value, context }: State): string => {
  const { now: _now, prSeenAt: _seen, published, ...rest } = context
  return JSON.stringify([value, { ...rest, published: published === context.pr?.headSha ? null : published }])
}

/** What must be equal whether a fact was told or polled. */
function seenBy({ value, context: c }: State): string {
  const facts = c.pr && c.heads[c.pr.headSha]
  const verdicts = Object.entries(presentReviews(c)).flatMap(([reviewer, { verdict }]) =>
    verdict === 'dismissed' ? [] : [[reviewer, verdict]],
  )
  return JSON.stringify([
    value,
    ...[c.phase, c.delegated, c.removed, c.removed ? null : { ...c.issue, children: [] }, c.stop, c.closed, c.landing],
    c.pr && { ...c.pr, observedAt: 0 },
    ...[facts?.checks?.state ?? null, facts?.queue?.state ?? 'none', verdicts],
    ...[c.attempts, c.spent, c.escalation && { ...c.escalation, anchor: '' }, c.question, c.run, c.notBefore],
  ])
}

const polled = (state: State, at: number): Happening => ({
  label: 'a poll',
  cause: 'fact',
  at,
  send: { type: 'reconcile', ...pollOf(state.context, at) },
})

/** Facts that are older than what is known, or of a head that is not. */
const isLate = ({ label }: Happening): boolean => / (stale|late|of another head)$/.test(label)

/** Facts that a poll can see: about the present head, and of an issue that is still there. */
const isLevel = ({ before, happening }: Step): boolean => {
  if (happening.cause !== 'fact' || before.context.removed || isLate(happening)) return false
  const type = typeOf(happening)
  if (['reconcile', 'a', 'deploy.succeeded', 'deploy.failed', 'queue.held', 'queue.resumed'].includes(type)) return false
  // That somebody delegates an issue which is delegated is a decision, not a state.
  return !(type === 'tracker.delegated' && before.context.delegated)
}

const budgets = (c: IssueContext): number => runTypes.reduce((sum, type) => sum + c.attempts[type], 0)

/**
 * In the second form of P8: the fact between the loss and the poll, another one for each step. A new delegation is a decision, and how a
 * deployment went is asked for when it is known of.
 */
function between(step: Step): Happening | undefined {
  const own = typeOf(step.happening)
  const some = factsBut(step.after, [own, 'tracker.delegated', 'deploy.succeeded', 'deploy.failed']).filter((other) => !isLate(other))
  let sum = 0
  for (const letter of step.happening.label + regionOf(step.before)) sum += letter.charCodeAt(0)
  return some.length === 0 ? undefined : some[sum % some.length]
}

export const issueProperties: Property<IssueContext>[] = [
  {
    id: 'P1',
    statement:
      'A stop is taken in every state, leads to stopped, ends the run and starts none; while stopped or taken back nothing starts.',
    state: (state, from) => {
      const stopped = from(named(state, 'operator.stopped'))
      if (authorityOf(stopped.after) !== 'stopped') return `a stop leads to ${authorityOf(stopped.after)}`
      const begun = starts(stopped.commands)
      if (begun.length > 0) return `a stop starts ${begun.join(', ')}`
      const { run } = state.context
      if (regionOf(stopped.after) !== (run === null ? 'idle' : 'stopping')) return `after a stop it is ${regionOf(stopped.after)}`
      const isTold = stopped.commands.some((command) => command.type === 'send' && command.event.type === 'run.stop')
      return run !== null && regionOf(state) !== 'stopping' && !isTold ? 'its run is not told' : undefined
    },
    step: ({ after, commands }) => {
      const begun = starts(commands)
      return begun.length > 0 && !isActing({ context: after.context }) ? `${begun.join(', ')} without leave` : undefined
    },
  },
  {
    id: 'P2',
    statement: 'No run follows another without a new fact or word, progress that the lifetime pays for, or a count that comes to an end.',
    cycle: { free: (step) => !isExternal(step) && !hasProgress(step), costly: ({ commands }) => runsIn(commands).length > 0 },
  },
  {
    id: 'P3',
    statement:
      'What a life has spent falls only by a reset or by what the same run reserved; attempts also by a foreign head, a word, or what leaves an escalation.',
    step: ({ before: { context: a }, after: { context: b }, happening }) => {
      const type = typeOf(happening)
      const isReset = type === 'operator.budgetReset'
      const hasEnded = a.run !== null && b.run === null
      if (!isReset && (b.spent.ms < a.spent.ms || b.spent.usage.inputTokens < a.spent.usage.inputTokens)) return 'time or tokens came back'
      if (!isReset && a.spent.runs - b.spent.runs > (hasEnded ? 1 : 0)) return 'runs came back'
      const isWord = ['tracker.prompted', 'operator.prompted', 'operator.retried', 'operator.budgetReset'].includes(type)
      const isForeign = b.pr !== null && a.pr !== null && b.pr.headSha !== a.pr.headSha && !a.pushed.includes(b.pr.headSha)
      const isLifted = a.escalation !== null && happening.cause === 'fact'
      for (const run of runTypes) {
        const fell = a.attempts[run] - b.attempts[run]
        if (b.attempts[run] < 0) return `attempts at ${run} are below none`
        if (fell <= 0 || isWord || isForeign || isLifted || (hasEnded && a.run!.type === run && fell === 1)) continue
        return `attempts at ${run} fell by ${fell}`
      }
      return undefined
    },
  },
  {
    id: 'P4',
    statement: 'A landing is asked for only of the present head, approved and green at that very head, not evicted, and no draft.',
    step: ({ after: { context: c }, commands }) => {
      for (const { headSha } of emits(commands, 'landing.decided').filter(({ wanted }) => wanted)) {
        const facts = c.heads[headSha as string]
        const verdicts = Object.values(presentReviews(c)).map(({ verdict }) => verdict)
        if (c.pr?.state !== 'open' || c.pr.headSha !== headSha || c.pr.draft) return 'it is not the head of an open pull request'
        if (!verdicts.includes('approved') || verdicts.includes('changes_requested')) return 'it is not approved'
        if (facts?.checks?.state !== 'passed') return 'it is not green'
        if (facts.queue?.state === 'evicted') return 'it was given back'
      }
      return undefined
    },
    state: ({ context: c }) =>
      c.landing !== null && c.landing !== c.pr?.headSha ? 'the landing that is asked for is of another head' : undefined,
  },
  {
    id: 'P5',
    statement: 'Every state that is not an end has a timer, a run or a party that it waits for; closing it leads to an end and to rest.',
    state: (state, from) => {
      const pending = Object.keys(state.timers).map((name) => ({ name, due: 0 }))
      const waits = waitingFor(state.context, state.value, pending)
      if (!isTerminal(state.value) && pending.length + alive(state).length + waits.length === 0) return 'it waits for nobody'
      if (waits.some(({ party }) => party === 'timer') && pending.length === 0) return 'it waits for a timer that is not pending'
      const closed = rested(from(named(state, 'operator.closed', 'failed')))
      if (!isTerminal(closed.after.value)) return `closing it leads to ${phaseIn(closed.after.value)}`
      return regionOf(closed.after) === 'idle' && Object.keys(closed.after.timers).length === 0 ? undefined : 'it does not come to rest'
    },
  },
  {
    id: 'P6',
    statement: 'What we caused ourselves starts nothing: our own push, told back by the forge, and our own progress.',
    step: ({ before, happening, commands }) => {
      const isOwn =
        ['run.started', 'run.progressed', 'run.publishing', 'run.steered'].includes(typeOf(happening)) ||
        happening.label === 'pr.pushed ours'
      if (!isOwn || before.context.asked !== null || before.context.answered !== null || before.context.inbox.length > 0) return undefined
      const begun = runsIn(commands)
      return begun.length > 0 ? `${begun.map(({ child }) => child).join(', ')} started` : undefined
    },
  },
  {
    id: 'P7',
    statement: 'A fact that comes twice is one; run ids are never used again.',
    step: ({ before, after, commands, isLoop, happening }) => {
      if (after.context.runs < before.context.runs && !isLoop) return 'a run id comes back'
      const ids = runsIn(commands).map(({ child }) => child)
      if (ids.some((id) => id !== `run-${before.context.runs + 1}`)) return `${ids.join(', ')} is not the next run`
      const asks = commands.filter(({ type }) => type !== 'timer' && type !== 'cancel')
      return isLoop && happening.cause === 'fact' && asks.length > 0 ? 'it changes nothing and asks for something' : undefined
    },
    arrival: ({ after, happening, then, isLoop }) => {
      if (isLoop || happening.cause !== 'fact' || happening.label === 'a comment after the pause') return undefined
      const again = then({ ...happening, at: after.context.now })
      if (factsOf(again.after) !== factsOf(after)) return 'the second one changes something'
      return again.commands.some(({ type }) => type !== 'timer' && type !== 'cancel') ? 'the second one asks for something' : undefined
    },
  },
  {
    id: 'P8',
    statement:
      'A fact that is lost and then polled is the fact that was told; with another fact between, the same state once no run is in flight, but for escalations, landings under way, links that came and went, and publications that came late.',
    arrival: (step) => {
      if (step.isLoop || !isLevel(step)) return undefined
      const poll = step.instead(polled(step.after, step.happening.at))
      if (seenBy(poll.after) !== seenBy(step.after))
        return `polled it is ${JSON.stringify(poll.after.value)}, told ${JSON.stringify(step.after.value)}`
      const other = between(step)
      if (other === undefined) return undefined
      // Told, and then the other one; or only the other one, and then what the poll sees where both were told.
      const told = step.then(other)
      const lost = step.instead(other).then(polled(told.after, told.after.context.now + 1))
      const [a, b] = [rested(told).after, rested(lost).after]
      // An escalation is over when what it is about changes, and begins when something is done: who hears late has missed that.
      if ((a.context.escalation === null) !== (b.context.escalation === null)) return undefined
      // What the landing queue has been given it keeps, whatever the branch's own checks say since.
      if ((a.context.landing === null) !== (b.context.landing === null)) return undefined
      // What came when nobody wanted it was withdrawn at that moment, or taken up where that was not known.
      if ((a.context.late === null) !== (b.context.late === null)) return undefined
      // And which of the links that came and went were looked at.
      if (JSON.stringify(a.context.adoption) !== JSON.stringify(b.context.adoption)) return undefined
      if (phaseIn(a.value) !== phaseIn(b.value))
        return `with '${other.label}' between: polled ${phaseIn(b.value)}, told ${phaseIn(a.value)}`
      return Math.abs(budgets(a.context) - budgets(b.context)) > 1 ? `with '${other.label}' between the counters differ` : undefined
    },
  },
  {
    id: 'P9',
    statement: 'The end of the issue in the tracker leads to an end from everywhere, and starts nothing; only a landing comes before it.',
    state: (state, from) => {
      for (const step of [from(named(state, 'tracker.updated', 'canceled')), from(named(state, 'tracker.removed'))]) {
        if (!isTerminal(step.after.value)) return `${step.happening.label} leads to ${phaseIn(step.after.value)}`
        if (starts(step.commands).length > 0) return `${step.happening.label} starts ${starts(step.commands).join(', ')}`
      }
      return undefined
    },
  },
  {
    id: 'P10',
    statement: 'The worktree is given back only at an end, without a run, and once.',
    step: ({ before, after, commands }) => {
      const given = emits(commands, 'worktree.released')
      if (given.length === 0) return undefined
      if (given.length > 1 || before.context.cleared) return 'it was given back before'
      if (!isTerminal(after.value)) return `given back in ${phaseIn(after.value)}`
      return after.context.run === null ? undefined : 'given back while a run has it'
    },
  },
  {
    id: 'P11',
    statement:
      'A provider without room costs no attempt and no run, and is waited for a bounded number of times, each of them for a day at most.',
    step: ({ before: { context: a }, after: { context: b }, happening }) => {
      if (b.capacityFailures > b.policy.budgets.capacity) return `waited ${b.capacityFailures} times`
      if (b.resets > b.policy.budgets.resets) return `waited ${b.resets} times for a time that was told`
      if (b.notBefore > b.now + longestWait) return 'it waits for longer than a day'
      const answer = outcomeOf(happening)
      if (answer?.['failure'] !== 'capacity' || a.run === null) return undefined
      const { type } = a.run
      if (b.attempts[type] !== Math.max(0, a.attempts[type] - 1)) return `an attempt at ${type} is spent`
      return b.spent.runs === Math.max(0, a.spent.runs - 1) ? undefined : 'a run is spent'
    },
  },
  {
    id: 'P3',
    statement: 'Once the money of its life is used up no run follows, and a turn that was ended for that has cost no attempt.',
    step: ({ before: { context: a }, after: { context: b }, happening, commands }) => {
      const isSpent = b.policy.budgets.usd !== null && b.spent.usage.usd >= b.policy.budgets.usd
      if (isSpent && runsIn(commands).length > 0) return 'a run follows'
      if (!isSpent || outcomeOf(happening)?.['failure'] !== 'budget' || a.run === null) return undefined
      return b.attempts[a.run.type] === Math.max(0, a.attempts[a.run.type] - 1) ? undefined : `an attempt at ${a.run.type} is spent`
    },
  },
  {
    id: 'P12',
    statement: 'A run is done by an agent that its type of run may be given to.',
    state: ({ context: { run, policy } }) =>
      run === null || agentsFor(policy, run.type).includes(run.agent) ? undefined : `done by ${run.agent}`,
  },
  {
    id: 'P12',
    statement: 'Its run is exactly the child that is alive; a place is held or asked for exactly while a run is alive or waits for one.',
    state: (state: Situation<IssueContext>) => {
      const { run, capacity } = state.context
      const region = regionOf(state)
      const isAlive = region === 'active' || region === 'stopping'
      if ((run !== null) !== isAlive) return `in ${region} its run is ${run?.id ?? 'none'}`
      const children = alive(state).filter((id) => id.startsWith('run-'))
      // The one that has answered ends in the next step.
      const own = children.filter((id) => id === run?.id)
      if (own.length !== (isAlive ? 1 : 0) || children.length - own.length > 1) return `alive: ${children.join(', ')}`
      const expected = isAlive ? 'granted' : region === '{"waiting":"capacity"}' ? 'requested' : 'none'
      return capacity === expected ? undefined : `in ${region} its place is ${capacity}`
    },
    step: ({ before, after, commands, happening }) => {
      const owned = (state: State): number => Number(state.context.capacity !== 'none')
      const asked = emits(commands, 'capacity.requested').length
      const given = emits(commands, 'capacity.withdrawn').length + emits(commands, 'capacity.released').length
      // A grant that nobody waits for goes back without having been owned.
      const unneeded = Number(typeOf(happening) === 'capacity.granted' && owned(before) === 0)
      return owned(after) === owned(before) + unneeded + asked - given ? undefined : `${asked} places asked for, ${given} given back`
    },
  },
]
