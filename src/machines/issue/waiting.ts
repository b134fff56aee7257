// Who an issue waits for and why: the functions that the states' `meta.waitsFor` names.

import type { Waiting } from '../vocabulary.ts'
import type { IssueContext } from './context.ts'
import { checksState, openBlockers, reviewState } from './policy.ts'

/** Milliseconds since epoch of pending timers, by XState's name. */
export type Timers = readonly { name: string; due: number }[]

const dueOf = (timers: Timers, delay: string): number | null =>
  timers.find(({ name }) => name.startsWith(`xstate.after.${delay}.`))?.due ?? null

export const waiting: Record<string, (c: IssueContext, timers: Timers) => Waiting[]> = {
  verdicts(c) {
    const since = c.since.lifecycle
    const rows: Waiting[] = []
    if (checksState(c) === 'pending') rows.push({ party: 'ci', reason: `checks of ${c.pr?.headSha.slice(0, 10)}`, since, until: null })
    if (reviewState(c) !== 'approved' && c.policy.review !== 'none') {
      rows.push({ party: 'reviewer', reason: `a review of pull request #${c.pr?.number}`, since, until: null })
    }
    if (rows.length === 0 && c.pr?.draft) rows.push({ party: 'human', reason: 'the pull request is a draft', since, until: null })
    return rows
  },
  landing(c) {
    const since = c.since.lifecycle
    if (c.queue.held) {
      const { reason, files } = c.queue.held
      return [{ party: 'human', reason: files.length > 0 ? `${reason}: ${files.join(', ')}` : reason, since, until: null }]
    }
    if (c.policy.landing === 'manual') return [{ party: 'human', reason: 'approved and green: to be landed by hand', since, until: null }]
    return [
      { party: 'queue', reason: c.queue.state === 'queued' ? 'in the landing queue' : 'its turn in the landing queue', since, until: null },
    ]
  },
  deployment: (c) => [
    { party: 'deploy', reason: `the deployment of ${c.deploy?.sha.slice(0, 10)}`, since: c.since.lifecycle, until: null },
  ],
  answer: (c) => [
    { party: 'human', reason: `an answer to: ${c.question?.text ?? ''}`, since: c.question?.at ?? c.since.lifecycle, until: null },
  ],
  decision: (c) => [
    {
      party: 'human',
      reason: c.escalation?.reason ?? 'the pull request was closed: retry, or close the issue',
      since: c.escalation?.at ?? c.since.lifecycle,
      until: null,
    },
  ],
  blockers: (c) => openBlockers(c).map((key) => ({ party: 'dependency', reason: `blocked by ${key}`, since: c.since.run, until: null })),
  pause: (c, timers) => [
    {
      party: 'timer',
      reason: c.lastFailure ? `a pause after: ${c.lastFailure.reason}` : 'a pause after an interruption',
      since: c.since.run,
      until: dueOf(timers, 'pause') ?? c.notBefore,
    },
  ],
  place: (c) => [{ party: 'capacity', reason: 'a free place for its run', since: c.since.run, until: null }],
  agent: (c) => [
    { party: 'agent', reason: `${c.run?.id}: ${c.run?.type} by ${c.run?.agent}`, since: c.run?.startedAt ?? c.since.run, until: null },
  ],
  agentEnding: (c) => [{ party: 'agent', reason: `the end of ${c.run?.id}`, since: c.since.run, until: null }],
  delegation: (c) => [
    { party: 'human', reason: 'not delegated: `signalbox delegate` gives it back', since: c.since.authority, until: null },
  ],
  restart: (c) => [
    {
      party: 'human',
      reason: `stopped by ${c.stop?.author ?? 'somebody'} (${c.stop?.reason ?? ''}): a retry, a prompt or a new delegation goes on`,
      since: c.stop?.at ?? c.since.authority,
      until: null,
    },
  ],
}
