// The truth table of every guard of the issue's chart.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createContext, type HeadFacts, type IssueContext, type LatePublication } from '../../../src/machines/issue/context.ts'
import { accountEvery } from '../../../src/machines/issue/account.ts'
import * as guards from '../../../src/machines/issue/guards.ts'
import { defaultPolicy, phaseOf } from '../../../src/machines/issue/policy.ts'
import { noUsage, phases, type QueueIncident } from '../../../src/machines/vocabulary.ts'
import { dawn } from '../player.ts'
import { failure, incident, input, output, pr } from './facts.ts'
import { describeGuards, type Row as TableRow } from '../truth-table.ts'

type Changes = Partial<IssueContext>
type Row = TableRow<Changes>

const now = dawn + 1_000
const context = (changes: Changes = {}): IssueContext => ({ ...createContext({ input: input() }), now, ...changes })

const about = { observedAt: dawn }
const open = {
  pr: { ...pr('A'), state: 'open' as const, mergeable: 'unknown' as const, mergedSha: null, parent: null, ...about },
  claimed: true,
}
const onHead = (headSha: string) => ({ pr: { ...open.pr, headSha } })
const closed = { pr: { ...open.pr, state: 'closed' as const } }
const merged = { pr: { ...open.pr, state: 'merged' as const } }
const said = (facts: Partial<HeadFacts>): Changes => ({
  ...open,
  heads: { A: { reviews: {}, checks: null, queue: null, patchId: null, rerun: null, ...about, ...facts } },
})
const verdict = (word: 'approved' | 'changes_requested' | 'dismissed') => ({ grace: { verdict: word, body: '', comments: [], ...about } })
const checks = (state: 'pending' | 'passed' | 'failed') => ({
  ...{ state, names: ['ci'], failures: state === 'failed' ? [failure()] : [], obstacle: null, ...about },
})
const evicted = (kind: QueueIncident['class']) => ({ state: 'evicted' as const, incident: incident(kind), ...about })
const queued = { state: 'queued' as const, incident: null, ...about }
const conflict = { pr: { ...open.pr, mergeable: 'conflict' as const } }
/** The present head is green, and what it says was said of a former head. */
const samePatch = (word: 'approved' | 'changes_requested'): Changes => ({
  ...open,
  heads: {
    Z: { reviews: verdict(word), checks: null, queue: null, patchId: 'p', rerun: null, ...about },
    A: { reviews: {}, checks: checks('passed'), queue: null, patchId: 'p', rerun: null, ...about },
  },
})
const landable = said({ reviews: verdict('approved'), checks: checks('passed') })
const decision = { author: 'ada', reason: '', at: dawn }
const stopped = { stop: decision }
const taken = { delegated: false }
const run = (changes: object = {}) => ({
  claimed: true,
  run: {
    ...{ id: 'run-1', type: 'implementation' as const, agent: 'x', phase: 'claimed', head: null, startedAt: dawn, lastSignalAt: null },
    ...{ lastProgressAt: null, usage: noUsage, given: [], asked: null, publishing: null },
    ...changes,
  },
})
const message = (changes: object = {}) => ({
  inbox: [{ id: 'message-1', text: 't', author: 'ada', via: 'session', at: dawn, givenTo: null, ...changes }],
})
const blocked = { issue: { ...context().issue, blockedBy: [{ key: 'APP-0', resolved: false }] } }
const ended = (stateType: 'completed' | 'canceled') => ({ issue: { ...context().issue, stateType } })
const budgets = (changes: object) => ({ policy: { ...defaultPolicy, budgets: { ...defaultPolicy.budgets, ...changes } } })
const attempts = (changes: object) => ({ attempts: { ...context().attempts, ...changes } })
const umbrella = (state: string, parent: string | null = null) => ({
  issue: { ...context().issue, parent, children: [{ key: 'APP-2', state }] },
})
const linked = (...links: string[]) => ({ issue: { ...context().issue, links } })
const flaky = (...each: boolean[]) => ({
  ...checks('failed'),
  failures: each.map((is, i) => ({ ...failure(String(i)), flaky: is })),
})
const escalation = { escalation: { reason: '', anchor: 'implementation', at: dawn } }
const lately = (changes: Partial<LatePublication> = {}): Partial<IssueContext> => ({
  late: { headSha: 'A', pr: { ...pr(), patchId: null }, observedAt: dawn, state: 'new', ...changes },
})
const question = { question: { text: '?', at: dawn } }
const finished = (changes: object) => ({ type: 'run.finished', failure: null, ...changes })

const progress = (inputTokens: number, later: number) => ({ type: 'run.progressed', usage: { ...noUsage, inputTokens }, at: dawn + later })
const accounted = (of: string, inputTokens: number, later: number) => ({
  account: { run: of, usage: { ...noUsage, inputTokens }, usd: 0, at: dawn + later },
})
const failover = { policy: { ...defaultPolicy, agent: 'x', failover: { x: 'y' } } }

const tables: Record<keyof typeof guards, Row[]> = {
  // --- the phase
  isDelegated: [
    ['nothing has happened', true, {}],
    ['a run was claimed', false, { claimed: true }],
    ['there is a pull request', false, open],
    ['it is over', false, ended('completed')],
  ],
  isImplementing: [
    ['a run was claimed', true, { claimed: true }],
    ['a run is alive', true, run()],
    ['nothing has happened', false, {}],
    ['there is a pull request', false, open],
  ],
  isOpen: [
    ['nothing is decided about its head', true, open],
    ['its checks run', true, said({ reviews: verdict('approved'), checks: checks('pending') })],
    ['its review is open', true, said({ checks: checks('passed') })],
    ['it is a draft', true, { ...landable, pr: { ...open.pr, draft: true } }],
    ['a person wants more', true, { ...landable, ...message() }],
    ['an operator asked for a run', true, { ...landable, asked: 'ci_repair' }],
    ['a run is alive', true, { ...landable, ...run() }],
    ['an approval was dismissed', true, said({ reviews: verdict('dismissed'), checks: checks('passed') })],
    ['what is said is about another head', true, { ...landable, pr: { ...open.pr, headSha: 'B' } }],
    ['it can land', false, landable],
    ['there is none', false, {}],
  ],
  isChangesRequested: [
    ['a reviewer asks', true, said({ reviews: verdict('changes_requested') })],
    ['whatever the checks say', true, said({ reviews: verdict('changes_requested'), checks: checks('failed') })],
    ['a reviewer approves', false, said({ reviews: verdict('approved') })],
    ['the queue gave it back', false, said({ reviews: verdict('changes_requested'), queue: evicted('conflict') })],
    ['a human is needed', false, { ...said({ reviews: verdict('changes_requested') }), ...escalation }],
  ],
  isRepairingCi: [
    ['the checks are red', true, said({ checks: checks('failed') })],
    ['and it is approved', true, said({ reviews: verdict('approved'), checks: checks('failed') })],
    ['the project declares none', false, { ...said({ checks: checks('failed') }), policy: { ...defaultPolicy, checks: false } }],
    ['they are pending', false, said({ checks: checks('pending') })],
    ['they run once more', true, said({ checks: checks('failed'), rerun: dawn })],
    ['the queue has it', false, { ...said({ reviews: verdict('approved'), checks: checks('failed'), queue: queued }), landing: 'A' }],
    ['the queue had it, and it was withdrawn', true, said({ reviews: verdict('approved'), checks: checks('failed'), queue: queued })],
    ['it does not merge, and is approved', false, { ...said({ reviews: verdict('approved'), checks: checks('failed') }), ...conflict }],
    ['it does not merge, and nobody has approved', true, { ...said({ checks: checks('failed') }), ...conflict }],
    ['a reviewer asks for changes', false, said({ reviews: verdict('changes_requested'), checks: checks('failed') })],
  ],
  isAwaitingQueue: [
    ['approved and green', true, landable],
    ['nobody reviews', true, { ...said({ checks: checks('passed') }), policy: { ...defaultPolicy, review: 'none' } }],
    ['no checks are declared', true, { ...said({ reviews: verdict('approved') }), policy: { ...defaultPolicy, checks: false } }],
    [
      'nobody reviews, but one asks for changes',
      false,
      { ...said({ reviews: verdict('changes_requested'), checks: checks('passed') }), policy: { ...defaultPolicy, review: 'none' } },
    ],
    ['not green', false, said({ reviews: verdict('approved'), checks: checks('pending') })],
    [
      'not green any more, but the queue has it',
      true,
      { ...said({ reviews: verdict('approved'), checks: checks('failed'), queue: queued }), landing: 'A' },
    ],
    [
      'the queue has another head',
      false,
      { ...said({ reviews: verdict('approved'), checks: checks('failed'), queue: queued }), landing: 'B' },
    ],
    ['it does not merge', false, { ...landable, ...conflict }],
    ['a former head with the same patch was approved', true, samePatch('approved')],
    ['one with the same patch was objected to', false, samePatch('changes_requested')],
    ['not approved', false, said({ checks: checks('passed') })],
    ['given back', false, said({ reviews: verdict('approved'), checks: checks('passed'), queue: evicted('checks') })],
    ['it has landed', false, { ...landable, ...merged }],
  ],
  isRepairingQueue: [
    ['a conflict', true, said({ queue: evicted('conflict') })],
    ['red checks of the merge', true, said({ queue: evicted('checks') })],
    ['the environment', false, said({ queue: evicted('environment') })],
    ['in the queue', false, said({ queue: queued })],
    ['approved, and it does not merge', true, { ...said({ reviews: verdict('approved') }), ...conflict }],
    ['not approved, and it does not merge', false, { ...open, ...conflict }],
  ],
  isDeploying: [
    ['landed, deployment under way', true, { ...merged, deploy: { sha: 'M', state: 'pending', since: dawn } }],
    ['landed, nothing to watch', false, merged],
    ['deployed', false, { ...merged, deploy: { sha: 'M', state: 'succeeded', since: dawn } }],
    ['the deployment failed', false, { ...merged, deploy: { sha: 'M', state: 'failed', since: dawn } }],
    [
      'closed by a person',
      false,
      { ...merged, deploy: { sha: 'M', state: 'pending', since: dawn }, closed: { as: 'done', by: 'ada', at: dawn } },
    ],
  ],
  isAwaitingInput: [
    ['a question is open', true, question],
    ['about a pull request', true, { ...landable, ...question }],
    ['and a human is needed anyway', false, { ...question, ...escalation }],
    ['it is over', false, { ...question, ...ended('canceled') }],
    ['there is none', false, {}],
  ],
  isEscalated: [
    ['a human is needed', true, escalation],
    ['its pull request was closed', false, closed],
    ['the queue could not test it', true, said({ queue: evicted('environment'), reviews: verdict('approved'), checks: checks('passed') })],
    ['nor is it approved any more', false, said({ queue: evicted('environment'), checks: checks('passed') })],
    ['nor are its checks green', false, said({ queue: evicted('environment'), reviews: verdict('approved'), checks: checks('failed') })],
    ['the deployment failed', true, { ...merged, deploy: { sha: 'M', state: 'failed', since: dawn } }],
    ['it is over', false, { ...escalation, ...ended('completed') }],
    ['it has landed', false, { ...escalation, ...merged }],
    ['nothing of the kind', false, {}],
  ],
  isFailed: [
    ['closed as failed', true, { closed: { as: 'failed', by: 'ada', at: dawn } }],
    ['cancelled', true, ended('canceled')],
    ['removed', true, { removed: true }],
    ['landed, then cancelled', false, { ...merged, ...ended('canceled') }],
    ['escalated', false, escalation],
  ],
  isDone: [
    ['landed', true, merged],
    ['completed', true, ended('completed')],
    ['closed as done', true, { closed: { as: 'done', by: 'ada', at: dawn } }],
    ['open', false, open],
    ['completed, but a person closed it as failed', false, { ...ended('completed'), closed: { as: 'failed', by: 'ada', at: dawn } }],
  ],

  // --- the entries
  hasBecomeDelegated: [
    ['it was not', true, { phase: 'implementing' }],
    ['it was', false, { phase: 'delegated' }],
    ['it is not', false, { phase: 'delegated', claimed: true }],
  ],
  hasBecomeImplementing: [
    ['it was not', true, { claimed: true }],
    ['it was', false, { claimed: true, phase: 'implementing' }],
    ['it is not', false, {}],
  ],
  hasBecomeOpen: [
    ['it was not', true, open],
    ['it was', false, { ...open, phase: 'pr_open' }],
    ['it is not', false, {}],
  ],
  hasBecomeChangesRequested: [
    ['it was not', true, said({ reviews: verdict('changes_requested') })],
    ['it was', false, { ...said({ reviews: verdict('changes_requested') }), phase: 'changes_requested' }],
    ['it is not', false, open],
  ],
  hasBecomeRepairingCi: [
    ['it was not', true, said({ checks: checks('failed') })],
    ['it was', false, { ...said({ checks: checks('failed') }), phase: 'repairing_ci' }],
    ['it is not', false, open],
  ],
  hasBecomeAwaitingQueue: [
    ['it was not', true, landable],
    ['it was', false, { ...landable, phase: 'awaiting_queue' }],
    ['it is not', false, open],
  ],
  hasBecomeRepairingQueue: [
    ['it was not', true, said({ queue: evicted('conflict') })],
    ['it was', false, { ...said({ queue: evicted('conflict') }), phase: 'repairing_queue' }],
    ['it is not', false, open],
  ],
  hasBecomeDeploying: [
    ['it was not', true, { ...merged, deploy: { sha: 'M', state: 'pending', since: dawn } }],
    ['it was', false, { ...merged, deploy: { sha: 'M', state: 'pending', since: dawn }, phase: 'deploying' }],
    ['it is not', false, merged],
  ],
  hasBecomeAwaitingInput: [
    ['it was not', true, question],
    ['it was', false, { ...question, phase: 'awaiting_input' }],
    ['it is not', false, {}],
  ],
  hasBecomeEscalated: [
    ['it was not', true, escalation],
    ['it was', false, { ...escalation, phase: 'escalated' }],
    ['it is not', false, {}],
  ],
  hasBecomeFailed: [
    ['it was not', true, ended('canceled')],
    ['it was', false, { ...ended('canceled'), phase: 'failed' }],
    ['it is not', false, {}],
  ],
  hasBecomeDone: [
    ['it was not', true, merged],
    ['it was', false, { ...merged, phase: 'done' }],
    ['it is not', false, {}],
  ],

  // --- authority
  isStopped: [
    ['stopped', true, stopped],
    ['stopped and taken back', true, { ...stopped, ...taken }],
    ['neither', false, {}],
  ],
  isObserving: [
    ['taken back', true, taken],
    ['stopped and taken back', false, { ...stopped, ...taken }],
    ['ours', false, {}],
  ],
  isActing: [
    ['ours', true, {}],
    ['stopped', false, stopped],
    ['taken back', false, taken],
  ],

  // --- runs
  isRunNeeded: [
    ['nothing has happened', true, {}],
    ['a repair is due', true, said({ checks: checks('failed') })],
    ['a person wants more', true, { ...open, ...message() }],
    ['a person only commented', false, { ...open, ...message({ via: 'comment' }) }],
    ['a run was given what the person wants', false, { ...open, ...message({ givenTo: 'run-1' }) }],
    ['an answer waits for its run', true, { ...open, answered: '?' }],
    ['nothing is to be done', false, landable],
    ['one is alive', false, run()],
    ['stopped', false, stopped],
    ['taken back', false, taken],
    ['the forge has not told of what we published', false, { ...said({ checks: checks('failed') }), published: 'B' }],
    ['it has', true, { ...said({ checks: checks('failed') }), published: 'A' }],
    ['a question is open', false, question],
    ['a human is needed', false, escalation],
  ],
  isRunNotNeeded: [
    ['nothing is to be done', true, landable],
    ['nothing has happened', false, {}],
  ],
  isBlocked: [
    ['another issue has to be resolved', true, blocked],
    ['it was', false, { issue: { ...context().issue, blockedBy: [{ key: 'APP-0', resolved: true }] } }],
    ['a repair is needed', true, { ...blocked, ...said({ checks: checks('failed') }) }],
    ['no run is needed', false, { ...blocked, ...stopped }],
    ['nothing is in the way', false, {}],
  ],
  isNotBlocked: [
    ['nothing is in the way', true, {}],
    ['another issue has to be resolved', false, blocked],
  ],
  isOutOfAttempts: [
    ['as many as the budget', true, attempts({ implementation: 3 })],
    ['one less', false, attempts({ implementation: 2 })],
    ['of another type', false, attempts({ ci_repair: 10 })],
    ['blocked anyway', false, { ...attempts({ implementation: 3 }), ...blocked }],
    ['no run is needed', false, { ...attempts({ implementation: 3 }), ...stopped }],
  ],
  isOverBudget: [
    ['runs', true, { ...budgets({ runs: 2 }), spent: { runs: 2, ms: 0, usage: noUsage } }],
    ['hours', true, { ...budgets({ hours: 1 }), spent: { runs: 0, ms: 3_600_000, usage: noUsage } }],
    ['tokens', true, { ...budgets({ tokens: 5 }), spent: { runs: 0, ms: 0, usage: { ...noUsage, inputTokens: 3, outputTokens: 2 } } }],
    ['money', true, { ...budgets({ usd: 1 }), spent: { runs: 0, ms: 0, usage: { ...noUsage, usd: 1 } } }],
    [
      'cached tokens are not counted',
      false,
      { ...budgets({ tokens: 5 }), spent: { runs: 0, ms: 0, usage: { ...noUsage, cachedTokens: 9 } } },
    ],
    ['nothing is spent', false, {}],
    ['no run is needed', false, { ...budgets({ runs: 0 }), ...stopped }],
  ],
  hasBudget: [
    ['nothing is spent', true, {}],
    ['all runs are spent', false, budgets({ runs: 0 })],
  ],
  isSettling: [
    ['its children came a moment ago', true, { ...umbrella('started'), childrenAt: now - 9_999 }],
    ['they came a while ago', false, { ...umbrella('started'), childrenAt: now - 10_000 }],
    ['by the time of the event it is over', false, { ...umbrella('started'), childrenAt: now - 9_999 }, { at: now + 1 }],
    ['it has begun', false, { ...umbrella('started'), childrenAt: now, claimed: true }],
    ['it is no umbrella', false, { childrenAt: now }],
    ['no run may start', false, { ...umbrella('started'), childrenAt: now, ...stopped }],
  ],
  isPausing: [
    ['the pause ends later', true, { notBefore: now + 1 }],
    ['it ends now', false, { notBefore: now }],
    ['by the time of the event it is over', false, { notBefore: now + 1 }, { at: now + 1 }],
    ['an event without a time', true, { notBefore: now + 1 }, {}],
  ],
  isNotPausing: [
    ['there is no pause', true, {}],
    ['the pause ends later', false, { notBefore: now + 1 }],
  ],
  canStart: [
    ['nothing holds it back', true, {}],
    ['not needed', false, stopped],
    ['blocked', false, blocked],
    ['pausing', false, { notBefore: now + 1 }],
    ['over budget', false, budgets({ runs: 0 })],
    ['out of attempts', false, attempts({ implementation: 3 })],
  ],
  cannotStart: [
    ['pausing', true, { notBefore: now + 1 }],
    ['nothing holds it back', false, {}],
  ],
  canTakePlace: [
    ['the grant answers the request', true, { capacity: 'requested', requests: 2 }, { request: 2 }],
    ['the grant does not say which', true, { capacity: 'requested', requests: 2 }, {}],
    ['it answers an older one', false, { capacity: 'requested', requests: 2 }, { request: 1 }],
    ['nothing was asked for', false, { requests: 2 }, { request: 2 }],
    ['it has one', false, { capacity: 'granted', requests: 2 }, { request: 2 }],
    ['it cannot start', false, { capacity: 'requested', requests: 2, ...stopped }, { request: 2 }],
  ],
  hasPlace: [
    ['granted', true, { capacity: 'granted' }],
    ['asked for', false, { capacity: 'requested' }],
    ['neither', false, {}],
  ],
  isOwnPlace: [
    ['of the newest request', true, { requests: 2 }, { request: 2 }],
    ['of any', true, { requests: 2 }, {}],
    ['of an older one', false, { requests: 2 }, { request: 1 }],
  ],
  isRunUnwanted: [
    ['it is needed', false, run()],
    ['there is none', false, stopped],
    ['stopped', true, { ...run(), ...stopped }],
    ['taken back', true, { ...run(), ...taken }],
    ['over: done', true, { ...run(), ...ended('completed') }],
    ['over: failed', true, { ...run(), ...ended('canceled') }],
    ['landed, the deployment is watched', true, { ...run(), ...merged, deploy: { sha: 'M', state: 'pending', since: dawn } }],
    ['its pull request was closed', true, { ...run({ head: 'A' }), ...closed }],
    ['one was closed that it does not know of', false, { ...run(), ...closed }],
    [
      'a fix that has published what a review approves',
      false,
      { ...said({ reviews: verdict('approved') }), ...run({ type: 'review_fix', publishing: 'A' }) },
    ],
    ['a fix of a review that approves', true, { ...said({ reviews: verdict('approved') }), ...run({ type: 'review_fix' }) }],
    [
      'a fix of an objection that was dismissed',
      true,
      { ...said({ reviews: verdict('dismissed') }), ...run({ type: 'review_fix', head: 'A' }) },
    ],
    ['a fix of an objection to a former head', false, { ...open, ...run({ type: 'review_fix', head: 'Z' }) }],
    [
      'a fix that is still wanted',
      false,
      { ...said({ reviews: verdict('changes_requested') }), ...run({ type: 'review_fix', head: 'A' }) },
    ],
    [
      'a fix that a person asked for',
      false,
      { ...said({ reviews: verdict('approved') }), ...run({ type: 'review_fix' }), ...message({ givenTo: 'run-1' }) },
    ],
    [
      'a fix that a comment came to',
      true,
      { ...said({ reviews: verdict('approved') }), ...run({ type: 'review_fix' }), ...message({ givenTo: 'run-1', via: 'comment' }) },
    ],
    ['another repair of what is approved', false, { ...said({ reviews: verdict('approved') }), ...run({ type: 'ci_repair' }) }],
    ['an implementation that is blocked by now', true, { ...run(), ...blocked }],
    ['an implementation that has a pull request, and is blocked by now', false, { ...open, ...run(), ...blocked }],
    ['a repair that is blocked by now', false, { ...open, ...run({ type: 'ci_repair' }), ...blocked }],
  ],
  isOfOtherRun: [
    ['its id is another', true, run(), { runId: 'run-0' }],
    ['none is alive', true, {}, { runId: 'run-1' }],
    ['its id', false, run(), { runId: 'run-1' }],
  ],
  isOwnRun: [
    ['its id', true, run(), { actorId: 'run-1' }],
    ['another', false, run(), { actorId: 'run-0' }],
    ['none is alive', false, {}, { actorId: 'run-1' }],
  ],

  // --- how a run ended
  isCompleted: [
    ['completed', true, run(), finished({ outcome: 'completed' })],
    ['no change', false, run(), finished({ outcome: 'no_change' })],
  ],
  isCalledOff: [
    ['released', true, run(), finished({ outcome: 'released' })],
    ['superseded', true, run(), finished({ outcome: 'superseded' })],
    ['interrupted', false, run(), finished({ outcome: 'interrupted' })],
  ],
  isQuestion: [
    ['a question', true, run(), finished({ outcome: 'needs_input' })],
    ['completed', false, run(), finished({ outcome: 'completed' })],
  ],
  isResting: [
    ['its children are open', true, { ...run(), ...umbrella('started') }, finished({ outcome: 'no_change', completion: 'done' })],
    ['the agent was not asked', true, { ...run(), ...umbrella('started') }, finished({ outcome: 'no_change', completion: null })],
    ['the agent gives up', false, { ...run(), ...umbrella('started') }, finished({ outcome: 'no_change', completion: 'failed' })],
    ['they are delivered', false, { ...run(), ...umbrella('completed') }, finished({ outcome: 'no_change', completion: 'done' })],
    ['something was changed', false, { ...run(), ...umbrella('started') }, finished({ outcome: 'completed' })],
    ['it is itself a child', false, { ...run(), ...umbrella('started', 'APP-0') }, finished({ outcome: 'no_change' })],
    [
      'a pull request of it is open',
      false,
      { ...open, ...run(), ...umbrella('started') },
      finished({ outcome: 'no_change', completion: 'done' }),
    ],
  ],
  isConcluded: [
    ['nothing has to be changed', true, run(), finished({ outcome: 'no_change', completion: 'done' })],
    ['its children are delivered', true, { ...run(), ...umbrella('completed') }, finished({ outcome: 'no_change', completion: null })],
    ['one of them is not', false, { ...run(), ...umbrella('started') }, finished({ outcome: 'no_change', completion: null })],
    ['there is work left', false, run(), finished({ outcome: 'no_change', completion: 'continue' })],
    ['it was not asked', false, run(), finished({ outcome: 'no_change', completion: null })],
    ['there is a pull request', false, { ...open, ...run() }, finished({ outcome: 'no_change', completion: 'done' })],
    ['something was changed', false, run(), finished({ outcome: 'completed', completion: 'done' })],
  ],
  isUnfinished: [
    [
      'there is work left, and an attempt',
      true,
      { ...run(), ...attempts({ implementation: 2 }) },
      finished({ outcome: 'no_change', completion: 'continue' }),
    ],
    ['and none', false, { ...run(), ...attempts({ implementation: 3 }) }, finished({ outcome: 'no_change', completion: 'continue' })],
    ['nothing is left', false, run(), finished({ outcome: 'no_change', completion: 'done' })],
    ['something was changed', false, run(), finished({ outcome: 'completed', completion: 'continue' })],
  ],
  isNeedless: [
    [
      'the checks are green by now',
      true,
      { ...said({ checks: checks('passed') }), ...run({ type: 'ci_repair', head: 'A' }) },
      finished(output({ outcome: 'no_change' })),
    ],
    [
      'they are red still',
      false,
      { ...said({ checks: checks('failed'), rerun: dawn - 1 }), ...run({ type: 'ci_repair', head: 'A' }) },
      finished(output({ outcome: 'no_change' })),
    ],
    [
      'another head is red',
      true,
      { ...said({ checks: checks('failed'), rerun: dawn - 1 }), ...run({ type: 'ci_repair', head: 'Z' }) },
      finished(output({ outcome: 'failed', failure: 'stalled' })),
    ],
    [
      'what a person asked for is left undone',
      false,
      { ...landable, ...run({ type: 'review_fix', head: 'A', given: ['message-1'] }), ...message({ givenTo: 'run-1' }) },
      finished(output({ outcome: 'failed', failure: 'auth' })),
    ],
    [
      'what a person asked for needs no change',
      true,
      { ...landable, ...run({ type: 'review_fix', head: 'A', given: ['message-1'] }), ...message({ givenTo: 'run-1' }) },
      finished(output({ outcome: 'no_change' })),
    ],
    ['there is no pull request', false, run(), finished(output({ outcome: 'no_change' }))],
    ['nobody runs', false, {}, finished(output({ outcome: 'no_change' }))],
  ],
  isIrreproducible: [
    [
      'red, and not run again yet',
      true,
      { ...said({ checks: checks('failed') }), ...run({ type: 'ci_repair' }) },
      finished({ outcome: 'no_change' }),
    ],
    [
      'run again already',
      false,
      { ...said({ checks: checks('failed'), rerun: dawn }), ...run({ type: 'ci_repair' }) },
      finished({ outcome: 'no_change' }),
    ],
    ['green by now', false, { ...said({ checks: checks('passed') }), ...run({ type: 'ci_repair' }) }, finished({ outcome: 'no_change' })],
    [
      'another repair',
      false,
      { ...said({ checks: checks('failed') }), ...run({ type: 'review_fix' }) },
      finished({ outcome: 'no_change' }),
    ],
    [
      'it was repaired',
      false,
      { ...said({ checks: checks('failed') }), ...run({ type: 'ci_repair' }) },
      finished({ outcome: 'completed' }),
    ],
  ],
  isWithoutChange: [
    ['no change', true, run(), finished({ outcome: 'no_change' })],
    ['completed', false, run(), finished({ outcome: 'completed' })],
  ],
  isFreeInterruption: [
    ['the first', true, run(), finished({ outcome: 'interrupted', progressed: false })],
    ['the fifth in a row', true, { ...run(), interruptions: 4 }, finished({ outcome: 'interrupted', progressed: false })],
    ['the sixth in a row', false, { ...run(), interruptions: 5 }, finished({ outcome: 'interrupted', progressed: false })],
    ['the sixth, with progress', true, { ...run(), interruptions: 5 }, finished({ outcome: 'interrupted', progressed: true })],
    [
      'as often as the project has it',
      true,
      { ...budgets({ interruptions: 7 }), ...run(), interruptions: 6 },
      finished({ outcome: 'interrupted', progressed: false }),
    ],
    ['a failure', false, run(), finished({ outcome: 'failed', failure: 'agent', progressed: true })],
  ],
  isRecoverable: [
    ['some are left', true, { ...run(), recoveries: 4 }, finished({ outcome: 'interrupted' })],
    ['none is left', false, { ...run(), recoveries: 5 }, finished({ outcome: 'interrupted' })],
    ['a failure', false, run(), finished({ outcome: 'failed', failure: 'agent' })],
  ],
  isCutShort: [
    ['its money was used up', true, run(), finished({ outcome: 'failed', failure: 'budget' })],
    ['it failed otherwise', false, run(), finished({ outcome: 'failed', failure: 'agent' })],
  ],
  isHalfPublished: [
    [
      'the forge has its head',
      true,
      { ...run({ publishing: 'B' }), ...onHead('B') },
      finished({ outcome: 'failed', failure: 'environment' }),
    ],
    ['another one', false, { ...run({ publishing: 'B' }), ...onHead('A') }, finished({ outcome: 'failed', failure: 'environment' })],
    ['it published nothing', false, { ...run(), ...onHead('A') }, finished({ outcome: 'failed', failure: 'environment' })],
    ['it was completed', false, { ...run({ publishing: 'B' }), ...onHead('B') }, finished({ outcome: 'completed' })],
  ],
  isAccountDue: [
    ['it has used something for a minute', true, run(), progress(1, accountEvery)],
    ['for less', false, run(), progress(1, accountEvery - 1)],
    ['it has used nothing', false, run(), progress(0, accountEvery)],
    ['nothing more than was told', false, { ...run(), ...accounted('run-1', 1, -accountEvery) }, progress(1, accountEvery)],
    ['more than was told', true, { ...run(), ...accounted('run-1', 1, 0) }, progress(2, accountEvery)],
    ['more, but it was told lately', false, { ...run(), ...accounted('run-1', 1, 1) }, progress(2, accountEvery)],
    ['what was told is of another run', true, { ...run(), ...accounted('run-0', 9, accountEvery) }, progress(1, accountEvery)],
    ['there is no run', false, {}, progress(1, accountEvery)],
  ],
  isOtherAgentNeeded: [
    ['it has asked for those', false, { capacity: 'requested', agents: ['x', 'y'], ...failover }],
    ['for others', true, { capacity: 'requested', agents: ['x'], ...failover }],
    ['in another order', true, { capacity: 'requested', agents: ['y', 'x'], ...failover }],
    ['it asks for none', false, { agents: [], ...failover }],
    ['it needs none', false, { capacity: 'requested', agents: [], ...failover, ...ended('completed') }],
  ],
  isShortage: [
    [
      'it says until when',
      true,
      { ...run(), capacityFailures: 24, resets: 59 },
      finished({ outcome: 'failed', failure: 'capacity', retryAt: dawn + 60_001, at: dawn + 60_000 }),
    ],
    [
      'it says so again and again',
      false,
      { ...run(), resets: 60 },
      finished({ outcome: 'failed', failure: 'capacity', retryAt: dawn + 60_001, at: dawn + 60_000 }),
    ],
    [
      'the time that it says is over',
      false,
      { ...run(), capacityFailures: 24 },
      finished({ outcome: 'failed', failure: 'capacity', retryAt: dawn + 60_000, at: dawn + 60_000 }),
    ],
    ['another failure tells a time', false, run(), finished({ outcome: 'failed', failure: 'agent', retryAt: dawn + 60_001 })],
    ['the provider has no room', true, { ...run(), capacityFailures: 23 }, finished({ outcome: 'failed', failure: 'capacity' })],
    ['for hours', false, { ...run(), capacityFailures: 24 }, finished({ outcome: 'failed', failure: 'capacity' })],
    [
      'as often as the project has it',
      true,
      { ...budgets({ capacity: 30 }), ...run(), capacityFailures: 29 },
      finished({ outcome: 'failed', failure: 'capacity' }),
    ],
    ['another failure', false, run(), finished({ outcome: 'failed', failure: 'environment' })],
  ],
  isEnvironmentFailure: [
    ['the fourth', true, { ...run(), environmentFailures: 3 }, finished({ outcome: 'failed', failure: 'environment' })],
    ['the fifth', false, { ...run(), environmentFailures: 4 }, finished({ outcome: 'failed', failure: 'environment' })],
    [
      'as often as the project has it',
      false,
      { ...budgets({ environment: 2 }), ...run(), environmentFailures: 1 },
      finished({ outcome: 'failed', failure: 'environment' }),
    ],
    ['another failure', false, run(), finished({ outcome: 'failed', failure: 'capacity' })],
  ],
  isAgentFailure: [
    ['attempts are left', true, { ...run(), ...attempts({ implementation: 2 }) }, finished({ outcome: 'failed', failure: 'agent' })],
    ['none is left', false, { ...run(), ...attempts({ implementation: 3 }) }, finished({ outcome: 'failed', failure: 'agent' })],
    ['nobody runs', false, {}, finished({ outcome: 'failed', failure: 'agent' })],
    ['work left uncommitted', false, run(), finished({ outcome: 'failed', failure: 'dirty' })],
  ],

  // --- people, landing
  isAdoptionWanted: [
    ['one is linked', true, linked('#3')],
    ['it was looked at', false, { ...linked('#3'), adoption: { links: '#3', state: 'over' } }],
    ['another was looked at', true, { ...linked('#3'), adoption: { links: '#2', state: 'over' } }],
    ['two are', false, linked('#3', '#4')],
    ['none is', false, {}],
    ['there is a pull request', false, { ...linked('#3'), ...open }],
    ['we may not act', false, { ...linked('#3'), ...stopped }],
    ['a run is alive', false, { ...linked('#3'), ...run() }],
  ],
  isLinkChanged: [
    ['to another', true, { ...linked('#4'), adoption: { links: '#3', state: 'open' } }],
    ['to none', true, { adoption: { links: '#3', state: 'open' } }],
    ['it is the same', false, { ...linked('#3'), adoption: { links: '#3', state: 'open' } }],
    ['it was looked at', false, { ...linked('#4'), adoption: { links: '#3', state: 'over' } }],
    ['nothing is asked', false, linked('#3')],
  ],
  isLinkAmbiguous: [
    ['two are linked', true, linked('#3', '#4')],
    ['one is', false, linked('#3')],
    ['somebody was asked', false, { ...linked('#3', '#4'), adoption: { links: '#3 #4', state: 'over' } }],
  ],
  isStatusQuestion: [
    ['it is one', true, {}, { via: 'session', text: 'What is the status?' }],
    ['in a comment that names us', true, {}, { via: 'comment', text: 'Signalbox, status?' }],
    ['in a comment between people', false, {}, { via: 'comment', text: 'status?' }],
    ['it is an instruction', false, {}, { via: 'session', text: 'Show the status in the header' }],
    ['the agent has read it as one', true, {}, { via: 'session', text: 'Much left?', intent: 'status' }],
    ['the agent has read it otherwise', false, {}, { via: 'session', text: 'status?', intent: 'instruction' }],
  ],
  isStopWord: [
    ['it is one', true, {}, { via: 'session', text: 'Stop!' }],
    ['in a comment that names us', true, {}, { via: 'comment', text: '@signalbox please stop' }],
    ['in a comment between people', false, {}, { via: 'comment', text: 'stop' }],
    ['it is an instruction', false, {}, { via: 'session', text: 'Stop the server when the test ends' }],
    ['the agent has read it as one', true, {}, { via: 'session', text: 'Hold your horses', intent: 'stop' }],
  ],
  isWithdrawalWanted: [
    ['nobody wants it', true, { ...lately(), ...stopped }],
    ['the issue has its end', true, { ...lately(), ...ended('canceled') }],
    ['somebody does', false, lately()],
    ['it was withdrawn', false, { ...lately({ state: 'withdrawn' }), ...stopped }],
    ['it has not come', false, { ...lately({ pr: null }), ...stopped }],
    ['its run has not answered', false, { ...run(), ...lately(), ...stopped }],
    ['it was about to be opened again', true, { ...lately({ state: 'restoring' }), ...stopped }],
    ['there is none', false, stopped],
  ],
  isLateWelcome: [
    ['the work is wanted', true, lately()],
    ['nobody wants it', false, { ...lately(), ...stopped }],
    ['it was withdrawn', false, lately({ state: 'withdrawn' })],
    ['it has not come', false, lately({ pr: null })],
    ['its run has not answered', false, { ...run(), ...lately() }],
    ['there is none', false, {}],
  ],
  isRestorationWanted: [
    ['it was withdrawn, and is wanted', true, lately({ state: 'withdrawn' })],
    ['nobody wants it', false, { ...lately({ state: 'withdrawn' }), ...stopped }],
    ['it was not', false, lately()],
    ['it is being opened', false, lately({ state: 'restoring' })],
    ['its run has not answered', false, { ...run(), ...lately({ state: 'withdrawn' }) }],
    ['there is none', false, {}],
  ],
  isRerunWanted: [
    ['every failure comes and goes', true, said({ checks: flaky(true) })],
    ['one does not', false, said({ checks: flaky(true, false) })],
    ['it was run again', false, said({ checks: flaky(true), rerun: dawn })],
    ['it is green', false, said({ checks: checks('passed') })],
    ['the queue has it', false, { ...said({ checks: flaky(true), queue: { state: 'queued', incident: null, ...about } }), landing: 'A' }],
    ['we may not act', false, { ...said({ checks: flaky(true) }), ...stopped }],
  ],
  canRetry: [
    ['its deployment failed', true, { ...merged, deploy: { sha: 'M', state: 'failed', since: dawn } }, {}],
    ['its deployment is watched', false, { ...merged, deploy: { sha: 'M', state: 'pending', since: dawn } }, {}],
    ['always', true, {}, { type: 'operator.retried' }],
    ['with a run type that exists', true, {}, { runType: 'ci_repair' }],
    ['stopped', true, stopped, {}],
    ['over', true, ended('canceled'), {}],
    ['with one that does not', false, {}, { runType: 'magic' }],
    ['landed', false, merged, {}],
    ['taken back', false, taken, {}],
  ],
  canLand: [
    ['approved and green', true, landable],
    ['not green', false, said({ reviews: verdict('approved') })],
    ['closed', false, { ...landable, ...closed }],
    ['by hand', false, { ...landable, policy: { ...defaultPolicy, landing: 'manual' } }],
    ['stopped', false, { ...landable, ...stopped }],
    ['taken back', false, { ...landable, ...taken }],
    ['a question is open', false, { ...landable, ...question }],
  ],
  cannotLand: [
    ['it is not approved and green', true, open],
    ['it is', false, landable],
  ],
  isOutOfQueue: [
    ['nothing is known', true, landable],
    [
      'it is in',
      false,
      { ...landable, heads: { A: { ...landable.heads!['A']!, queue: { state: 'queued', incident: null, observedAt: now } } } },
    ],
    [
      'it was let go',
      true,
      { ...landable, heads: { A: { ...landable.heads!['A']!, queue: { state: 'none', incident: null, observedAt: now } } } },
    ],
  ],
  isOtherHeadAsked: [
    ['a former head', true, { ...landable, landing: 'Z' }],
    ['the present one', false, { ...landable, landing: 'A' }],
    ['none', false, landable],
  ],
}

describeGuards(guards, tables, (changes, event) => ({ context: context(changes), event: { type: 'any', at: now, ...event } }))

describe('the phases', () => {
  const one = <T>(...values: T[]) => fc.constantFrom(...values)
  const anyContext: fc.Arbitrary<IssueContext> = fc
    .record({
      pr: one<IssueContext['pr']>(null, open.pr, closed.pr, merged.pr, { ...open.pr, draft: true }),
      reviews: one<HeadFacts['reviews']>({}, verdict('approved'), verdict('changes_requested'), verdict('dismissed')),
      checks: one<HeadFacts['checks']>(null, checks('pending'), checks('passed'), checks('failed')),
      queue: one<HeadFacts['queue']>(null, { state: 'queued', incident: null, ...about }, evicted('conflict'), evicted('environment')),
      review: one('human' as const, 'none' as const),
      declared: fc.boolean(),
      stateType: one('unstarted' as const, 'completed' as const, 'canceled' as const),
      removed: fc.boolean(),
      closed: one<IssueContext['closed']>(null, { as: 'done', by: '', at: dawn }, { as: 'failed', by: '', at: dawn }),
      deploy: one<IssueContext['deploy']>(
        null,
        { sha: 'M', state: 'pending', since: 0 },
        { sha: 'M', state: 'failed', since: 0 },
        { sha: 'M', state: 'succeeded', since: 0 },
      ),
      escalation: one<IssueContext['escalation']>(null, escalation.escalation),
      question: one<IssueContext['question']>(null, question.question),
      claimed: fc.boolean(),
      asked: one<IssueContext['asked']>(null, 'ci_repair'),
      inbox: one<IssueContext['inbox']>([], message().inbox),
      delegated: fc.boolean(),
      stop: one<IssueContext['stop']>(null, decision),
      phase: one(...phases),
    })
    .map(({ reviews, checks: checked, queue, review, declared, stateType, ...rest }) =>
      context({
        ...rest,
        heads: { A: { reviews, checks: checked, queue, patchId: null, rerun: null, ...about } },
        policy: { ...defaultPolicy, review, checks: declared },
        issue: { ...context().issue, stateType },
      }),
    )
  const among = (prefix: 'is' | 'hasBecome', c: IssueContext): string[] => {
    const names = ['Delegated', 'Implementing', 'Open', 'ChangesRequested', 'RepairingCi', 'AwaitingQueue', 'RepairingQueue']
    names.push('Deploying', 'AwaitingInput', 'Escalated', 'Failed', 'Done')
    return names.filter((name) =>
      (guards[`${prefix}${name}` as keyof typeof guards] as (args: object) => boolean)({ context: c, event: { type: '' } }),
    )
  }

  it('exclude one another, and one always holds', () => {
    fc.assert(
      fc.property(anyContext, (c) => among('is', c).length === 1),
      { numRuns: 5_000 },
    )
  })

  it('are entered one at a time, and never again while they hold', () => {
    fc.assert(
      fc.property(anyContext, (c) => {
        const entered = among('hasBecome', c)
        expect(entered).toEqual(c.phase === phaseOf(c) ? [] : among('is', c))
      }),
      { numRuns: 5_000 },
    )
  })

  it('are three for authority', () => {
    fc.assert(
      fc.property(
        anyContext,
        (c) => [guards.isActing, guards.isObserving, guards.isStopped].filter((guard) => guard({ context: c })).length === 1,
      ),
    )
  })

  it('never land without approval and green checks where these are asked for (P4)', () => {
    fc.assert(
      fc.property(anyContext, (c) => {
        if (!guards.canLand({ context: c })) return
        const { reviews, checks: checked } = c.heads['A']!
        expect(Object.values(reviews).map((review) => review.verdict)).not.toContain('changes_requested')
        if (c.policy.review !== 'none') expect(reviews['grace']?.verdict).toBe('approved')
        if (c.policy.checks) expect(checked?.state).toBe('passed')
        expect(c.pr).toMatchObject({ state: 'open', headSha: 'A', draft: false })
      }),
      { numRuns: 5_000 },
    )
  })
})
