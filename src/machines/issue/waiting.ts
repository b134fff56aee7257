// Who an issue waits for and why: the functions that the states' `meta.waitsFor` names.

import type { Party, Waiting } from '../vocabulary.ts'
import { linksOf } from './adoption.ts'
import type { IssueContext } from './context.ts'
import { presentHead } from './head-facts.ts'
import { isActing } from './guards.ts'
import { agentFor, checksState, isRerunning, isUnconfirmed, objectors, openBlockers, reviewState } from './policy.ts'
import { escalationText, leftText } from './reports.ts'
import { lifetimeText } from './settlement.ts'
import { isResting, openChildren } from './umbrella.ts'

/** Milliseconds since epoch of pending timers, by XState's name. */
export type Timers = readonly { name: string; due: number }[]

const dueOf = (timers: Timers, delay: string): number | null =>
  timers.find(({ name }) => name.startsWith(`xstate.after.${delay}.`))?.due ?? null

const row = (party: Party, reason: string, since: number, until: number | null = null): Waiting => ({ party, reason, since, until })

/** What is done about an agent without progress, by the phase of its run. */
const rungs: Partial<Record<string, string>> = {
  probing: 'its worktree is looked at',
  nudging: 'it was asked in its turn what holds it up',
  interrupting: 'it is being ended, to go on another way',
}

const stallText = ({ run }: IssueContext): string => {
  const rung = rungs[run?.phase ?? '']
  return rung === undefined ? '' : `, without progress since ${new Date(run!.lastProgressAt ?? run!.startedAt).toISOString()}: ${rung}`
}
/** A few of the names that are waited for. */
const listed = (names: readonly string[]): string =>
  names.length === 0 ? '' : `: ${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`

const reviewer = (c: IssueContext): string => (c.policy.review === 'agent' ? ` by the agent ${agentFor(c.policy, 'review')}` : '')

export const waiting = {
  verdicts(c) {
    const since = c.since.lifecycle
    const rows: Waiting[] = []
    const { checks } = presentHead(c)
    if (checksState(c) === 'pending') {
      const obstacle = checks?.obstacle ?? null
      rows.push(
        obstacle === null
          ? row('ci', `checks of ${c.pr?.headSha.slice(0, 10)}${listed(checks?.names ?? [])}`, since)
          : row('operator', `the checks cannot run: ${obstacle}`, since),
      )
    }
    const asked = objectors(c)
    if (asked.length > 0) rows.push(row('reviewer', `another review of pull request #${c.pr?.number} by ${asked.join(', ')}`, since))
    else if (reviewState(c) === 'none' && c.policy.review !== 'none')
      rows.push(row('reviewer', `a review of pull request #${c.pr?.number}${reviewer(c)}`, since))
    if (c.pr?.parent?.closed)
      rows.push(
        row('human', `pull request #${c.pr.parent.number}, which it is based on, was closed: open it again, or close this one too`, since),
      )
    else if (c.pr?.parent) rows.push(row('dependency', `pull request #${c.pr.parent.number}, which it is based on, to land`, since))
    if (c.pr?.draft) rows.push(row('human', 'the pull request is a draft', since))
    return rows
  },
  landing(c, timers) {
    const since = c.since.lifecycle
    if (c.held) {
      const { reason, files, at = since } = c.held
      return [row('human', files.every((file) => reason.includes(file)) ? reason : `${reason}: ${files.join(', ')}`, at)]
    }
    if (!isActing({ context: c })) return []
    if (c.policy.landing === 'manual') return [row('human', 'approved and green: to be landed by hand', since)]
    const isIn = presentHead(c).queue?.state === 'queued'
    return [
      row('queue', isIn ? 'in the landing queue' : 'its turn in the landing queue', since, isIn ? null : dueOf(timers, 'queueHealth')),
    ]
  },
  deployment: (c, timers) => [
    row('deploy', `the deployment of ${c.deploy?.sha.slice(0, 10)}`, c.since.lifecycle, dueOf(timers, 'deployTimeout')),
  ],
  answer: (c) => [row('human', `an answer to: ${c.question?.text ?? ''}`, c.question?.at ?? c.since.lifecycle)],
  decision: (c) => [row('human', escalationText(c), c.escalation?.at ?? c.since.lifecycle)],
  others: (c) => [
    ...(c.published === null || !isUnconfirmed(c)
      ? []
      : [row('provider', `the forge to tell of ${c.published.slice(0, 10)}, which was published`, c.since.run)]),
    ...(c.late?.state === 'restoring' ? [row('provider', `the forge to open pull request #${c.late.pr?.number} again`, c.since.run)] : []),
    ...(isResting(c) ? openChildren(c).map(({ key }) => row('dependency', `its child ${key}`, c.since.run)) : []),
  ],
  adoption: (c) => [row('provider', `the linked pull request ${linksOf(c)[0]}`, c.since.lifecycle)],
  rerun: (c) =>
    isRerunning(c) ? [row('ci', 'its red checks to run once more: they may come and go by themselves', c.since.lifecycle)] : [],
  children: (c, timers) => [row('timer', 'its children may still be coming', c.childrenAt, dueOf(timers, 'settle'))],
  blockers: (c) =>
    openBlockers(c).map(({ key, state, ring }) => {
      if (ring !== undefined) return row('human', `${ring.join(', ')} wait for each other: take one blocker away`, c.since.run)
      return row('dependency', state === 'unknown' ? `blocked by ${key}, of which nothing is known here` : `blocked by ${key}`, c.since.run)
    }),
  budget: (c) => [row('operator', lifetimeText(c), c.since.run)],
  pause: (c, timers) => [
    row(
      c.lastFailure?.class === 'capacity' ? 'provider' : 'timer',
      c.lastFailure ? `a pause after: ${c.lastFailure.reason}` : 'a pause after an interruption',
      c.since.run,
      dueOf(timers, 'backoff') ?? c.notBefore,
    ),
  ],
  place: (c) => [row('capacity', 'a free place for its run', c.since.run)],
  agent: (c) => [row('agent', `${c.run?.id}: ${c.run?.type} by ${c.run?.agent}${stallText(c)}`, c.run?.startedAt ?? c.since.run)],
  agentEnding: (c) => [row('agent', `the end of ${c.run?.id}`, c.since.run)],
  delegation: (c) => [row('human', `not delegated${leftText(c)}: \`signalbox delegate\` gives it back`, c.since.authority)],
  restart: (c) => [
    row(
      'human',
      `stopped by ${c.stop?.author ?? 'somebody'} (${c.stop?.reason ?? ''})${leftText(c)}: a retry, a prompt or a new delegation goes on`,
      c.stop?.at ?? c.since.authority,
    ),
  ],
} satisfies Record<string, (c: IssueContext, timers: Timers) => Waiting[]>

export type WaitsFor = keyof typeof waiting
