// Why an issue is where it is, computed from the machine: its states, who can move it, and which guard says no with which values.

import { describe, expect, it } from 'vitest'
import { explainIssue, explainMachine, readGuard, type EventReading } from '../../src/machines/explain.ts'
import * as runGuards from '../../src/machines/run/guards.ts'
import { definitions } from './player.ts'
import { phaseIn, waitingFor } from '../../src/machines/issue/document.ts'
import {
  agentFailed,
  approved,
  changesRequested,
  evicted,
  finished,
  granted,
  green,
  merged,
  open,
  play,
  playWith,
  policy,
  red,
  stopped,
  undelegated,
  updated,
  type Issue,
} from './issue/facts.ts'

const explain = ({ value, context, timers, at }: Issue) =>
  explainIssue({ value, context, timers: [...timers].map(([name, { due }]) => ({ name, due })), now: at })
const reading = (issue: Issue, type: string, target: string): EventReading =>
  explain(issue).events.find((event) => event.type === type && event.target === target)!

describe('an explanation', () => {
  it('names the active states with their descriptions, in all regions', () => {
    const { states } = explain(play(...open))
    expect(states.map(({ id }) => id)).toEqual(
      ['authority', 'authority.acting', 'lifecycle', 'lifecycle.pr_open', 'run', 'run.idle'].map((id) => `issue.${id}`),
    )
    expect(states.every(({ description }) => description !== '')).toBe(true)
  })

  it('says which guard says no, with the values that it read', () => {
    const landing = reading(play(...open, green()), 'always', 'issue.lifecycle.awaiting_queue')
    expect(landing).toMatchObject({ by: 'system', enabled: false, guards: [{ name: 'hasBecomeAwaitingQueue', holds: false }] })
    expect(landing.guards[0]!.reads).toMatchObject({
      phase: 'pr_open',
      'pr.state': 'open',
      'heads.A.checks.state': 'passed',
      'policy.review': 'human',
    })
    const pause = reading(play(granted, agentFailed), 'always', 'issue.run.waiting.deciding')
    expect(Object.keys(pause.guards[0]!.reads)).toContain('issue.stateType')
  })

  it('says what would move it, and who can', () => {
    const { events } = explain(play(...open))
    const by = (type: string) => events.find((event) => event.type === type)
    expect(by('review.approved')).toMatchObject({ by: 'reviewer', enabled: true, guards: [] })
    expect(by('checks.passed')).toMatchObject({ by: 'ci' })
    expect(by('operator.stopped')).toMatchObject({ by: 'operator' })
    expect(by('pr.merged')).toMatchObject({ by: 'forge' })
    expect(by('tracker.prompted')).toMatchObject({ by: 'human' })
    expect(by('reconcile')).toMatchObject({ by: 'system' })
  })

  it('does not say no to what only the event itself can tell', () => {
    const finished = explain(play(granted)).events.filter(({ type }) => type === 'run.finished')
    const completed = finished.find(({ guards }) => guards[0]?.name === 'isCompleted')!
    expect(completed).toMatchObject({ enabled: true, guards: [{ holds: false, reads: { 'event.outcome': 'as the event says' } }] })
    const failure = finished.find(({ guards }) => guards[0]?.name === 'isAgentFailure')!
    expect(failure.guards[0]!.reads).toMatchObject({ 'event.failure': 'as the event says' })
  })

  it('names the timers with their times', () => {
    const issue = play(granted, agentFailed)
    const [timer] = issue.timers.values()
    expect(explain(issue).timers).toEqual([{ name: 'backoff.issue.run.waiting.backoff', due: new Date(timer!.due).toISOString() }])
    expect(explain(issue).events.find(({ type }) => type === 'after backoff')).toMatchObject({
      by: 'timer',
      enabled: true,
      target: 'issue.run.waiting.deciding',
    })
  })

  it('is of any machine, with its guards', () => {
    const context = { inspection: { dirty: ['a.ts'], operation: null }, commits: 1, limits: { commits: 1 } }
    const { events, states } = explainMachine(definitions.run, runGuards, { value: { verifying: 'judging' }, context, timers: [], now: 0 })
    expect(states.map(({ id }) => id)).toEqual(['run.verifying', 'run.verifying.judging'])
    const again = events.find(({ guards }) => guards[0]?.name === 'canContinue')!
    expect(again).toMatchObject({ enabled: false, guards: [{ reads: { commits: 1, 'limits.commits': 1 } }] })
  })
})

describe('what a person needs to know', () => {
  const pending = (issue: Issue) => [...issue.timers].map(([name, { due }]) => ({ name, due }))
  const asked = [granted, finished({ outcome: 'needs_input', question: 'Which?' })]
  const blocked = updated({ blockedBy: [{ key: 'APP-0', resolved: false }] })
  const deploying = playWith({ policy: policy({ deploy: { timeout: 60_000 } }) }, ...open, approved(), green(), merged())

  /** A phase, whom it waits for, a guard that says no, and values that it read. */
  it.each<[string, Issue, string[], string, Record<string, unknown>]>([
    ['delegated', play(), ['capacity'], 'hasPlace', { capacity: 'requested' }],
    ['delegated', play(blocked), ['dependency'], 'isNotBlocked', { 'issue.blockedBy.0.resolved': false }],
    ['delegated', play(undelegated), ['human'], 'isRunNeeded', { delegated: false }],
    ['delegated', play(stopped), ['human'], 'isActing', { stop: { author: 'ada', reason: 'not now', at: expect.any(Number) } }],
    ['implementing', play(granted), ['agent'], 'isRunUnwanted', { 'run.type': 'implementation' }],
    ['implementing', play(granted, agentFailed), ['timer'], 'isNotPausing', { notBefore: expect.any(Number) }],
    ['pr_open', play(...open), ['ci', 'reviewer'], 'hasBecomeAwaitingQueue', { 'heads.A': null }],
    [
      'pr_open',
      play(...open, green()),
      ['reviewer'],
      'hasBecomeAwaitingQueue',
      { 'heads.A.reviews': expect.toSatisfy((reviews) => Object.keys(reviews).length === 0) },
    ],
    [
      'changes_requested',
      play(...open, changesRequested()),
      ['capacity'],
      'hasBecomeOpen',
      { 'heads.A.reviews.grace.verdict': 'changes_requested' },
    ],
    ['repairing_ci', play(...open, red(), granted), ['agent'], 'hasBecomeOpen', { 'heads.A.checks.state': 'failed' }],
    ['awaiting_queue', play(...open, approved(), green()), ['queue'], 'hasBecomeDone', { 'pr.state': 'open' }],
    [
      'repairing_queue',
      play(...open, approved(), green(), evicted()),
      ['capacity'],
      'hasBecomeAwaitingQueue',
      { 'heads.A.queue.state': 'evicted' },
    ],
    ['deploying', deploying, ['deploy'], 'hasBecomeDone', { 'deploy.state': 'pending' }],
    ['awaiting_input', play(...asked), ['human'], 'isRunNeeded', { question: { text: 'Which?', at: expect.any(Number) } }],
    [
      'escalated',
      play(granted, finished({ outcome: 'no_change', summary: 's' })),
      ['human'],
      'isRunNeeded',
      {
        escalation: {
          reason: 'The agent changed nothing: s',
          anchor: expect.stringMatching(/^implementation /) as string,
          at: expect.any(Number),
        },
      },
    ],
  ])('%s: whom it waits for, and which guard says no with which values', (phase, issue, parties, guard, reads) => {
    expect(phaseIn(issue.value)).toBe(phase)
    expect(waitingFor(issue.context, issue.value, pending(issue)).map(({ party }) => party)).toEqual(parties)
    const readings = explain(issue).events.flatMap(({ guards }) => guards.filter(({ name }) => name === guard))
    expect(readings.length).toBeGreaterThan(0)
    expect(readings[0]!.holds).toBe(false)
    expect(readings[0]!.reads).toMatchObject(reads)
  })

  it('names only what can be taken now: a retry of what is not ours is refused', () => {
    const enabled = (issue: Issue) => explain(issue).events.find(({ type }) => type === 'operator.retried')!.enabled
    expect([enabled(play(...open)), enabled(play(undelegated))]).toEqual([true, false])
  })

  it('leaves out what an inner state takes for certain, and every branch after one that holds', () => {
    const grants = explain(play(granted)).events.filter(({ type }) => type === 'capacity.granted')
    expect(grants.map(({ enabled }) => enabled)).toEqual([false, true])
    const answers = explain(play(stopped)).events.filter(({ type }) => type === 'run.progressed')
    expect(answers.map(({ guards, enabled }) => [guards[0]?.name, enabled])).toEqual([
      ['isOfOtherRun', true],
      ['isAccountDue', false],
      [undefined, false],
    ])
  })
})

describe('a reading of a guard', () => {
  it('notes nulls, and survives a guard that throws or does not exist', () => {
    const guards = {
      isNull: ({ context }: { context: { a: null } }) => context.a === null,
      isBroken: ({ event }: { event: { x: { y: 1 } } }) => event.x.y === 1,
    }
    expect(readGuard(guards, 'isNull', { a: null }, { type: 't', at: 0 }).reading).toEqual({
      name: 'isNull',
      holds: true,
      reads: { a: null },
    })
    expect(readGuard(guards, 'isBroken', {}, { type: 't', at: 0 })).toMatchObject({ dependsOnEvent: true, reading: { holds: false } })
    expect(readGuard(guards, 'isNothing', {}, { type: 't', at: 0 }).reading.holds).toBe(false)
  })

  it('finds the approval that is missing', () => {
    const issue = play(...open, green())
    expect(readGuard({ isNothing: () => false }, 'isNothing', issue.context, { type: '', at: 0 }).reading.reads).toEqual({})
    expect(reading(play(...open, green(), approved()), 'always', 'issue.lifecycle.pr_open').enabled).toBe(false)
  })
})
