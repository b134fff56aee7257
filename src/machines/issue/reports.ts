// What the world is told: reports that nobody waits for, as data.

import type { Authority, Phase, RunType, Usage } from '../vocabulary.ts'
import { listed } from '../run/words.ts'
import type { IssueContext } from './context.ts'
import { presentHead } from './head-facts.ts'
import { checksState, hasEnd, phaseOf, hasOpenRequest, isApproved, objectors, openBlockers, reviewState } from './policy.ts'
import { isResting, openChildren } from './umbrella.ts'

export type FeedLevel = 'info' | 'warn' | 'error'

export type IssueReport =
  | {
      type: 'capacity.requested' | 'capacity.withdrawn' | 'capacity.released'
      issue: string
      project: string
      priority: number
      request: number
      /** Only of a request: the agents that may do the work, in their order. */
      agents?: string[]
    }
  /** All that the issue has ever spent, in US dollars, and what of it was told before. */
  | { type: 'capacity.spent'; issue: string; project: string; usd: number; before: number }
  | { type: 'agent.exhausted'; agent: string; until: number; reason: string }
  | { type: 'agent.restored'; agent: string }
  /** What a run has used so far, or in all. `issue`: its immutable id; `at`: epoch ms. */
  | {
      type: 'usage.counted'
      issue: string
      key: string
      project: string
      run: string
      runType: RunType
      agent: string
      usage: Usage
      at: number
    }
  | { type: 'capacity.urged'; issue: string; priority: number }
  | { type: 'landing.urged'; project: string; number: number; headSha: string; priority: number }
  /** One kind for both: reports of one kind arrive in order, so that no request overtakes the withdrawal that follows it. */
  | {
      type: 'landing.decided'
      wanted: boolean
      project: string
      issue: string
      key: string
      number: number
      headSha: string
      priority: number
      /** Why it is not wanted any more. */
      reason: string | null
    }
  | {
      type: 'tracker.report'
      project: string
      issue: string
      key: string
      /** `halt`: nothing more is done until a person says so, whatever the phase. */
      kind: 'state' | 'comment' | 'question' | 'halt'
      phase: Phase
      text: string
    }
  | {
      type: 'feed.posted'
      /** The issue's key. */
      issue: string
      project: string
      level: FeedLevel
      kind: string
      phase: Phase
      status: string
      summary: string
    }
  /** A pull request that came when nobody wanted it, or that is wanted again; in order, as landings are. */
  | { type: 'publication.decided'; wanted: boolean; project: string; issue: string; number: number; headSha: string }
  | { type: 'rerun.wanted'; project: string; issue: string; number: number; headSha: string }
  /** The issue would like to be told everything anew. */
  | { type: 'facts.wanted'; project: string; issue: string }
  | { type: 'worktree.released'; project: string; key: string; branch: string; base: string; landed: string | null }

/** The longest sentence in the feed. */
const longestSummary = 300

export const aboutPlace = (c: IssueContext, type: 'capacity.requested' | 'capacity.withdrawn' | 'capacity.released'): IssueReport => ({
  type,
  issue: c.id,
  project: c.project,
  priority: c.issue.priority,
  request: c.requests,
  ...(type === 'capacity.requested' ? { agents: c.agents } : {}),
})

const landing = (c: IssueContext, headSha: string) => ({
  project: c.project,
  issue: c.id,
  key: c.issue.key,
  number: c.pr!.number,
  headSha,
  priority: c.issue.priority,
})

export const askToLand = (c: IssueContext): IssueReport => ({
  type: 'landing.decided',
  wanted: true,
  ...landing(c, c.pr!.headSha),
  reason: null,
})

/** The priority that the issue has now, to those with whom it waits. */
export const urge = (c: IssueContext): IssueReport[] => [
  ...(c.capacity === 'requested' ? [{ type: 'capacity.urged' as const, issue: c.id, priority: c.issue.priority }] : []),
  ...(c.landing !== null && c.landing === c.pr?.headSha
    ? [{ type: 'landing.urged' as const, project: c.project, number: c.pr.number, headSha: c.landing, priority: c.issue.priority }]
    : []),
]

export const withdrawLanding = (c: IssueContext): IssueReport => ({
  type: 'landing.decided',
  wanted: false,
  ...landing(c, c.landing!),
  reason: whyNotLanded(c),
})

/** The first that holds: what a person has decided, then what has become of the change. */
function whyNotLanded(c: IssueContext): string {
  if (c.stop) return 'stopped'
  if (!c.delegated) return 'taken back'
  if (hasEnd(c)) return 'the issue has its end'
  if (c.pr?.state !== 'open') return 'its pull request was closed'
  if (c.pr.headSha !== c.landing) return 'it has another head'
  if (hasOpenRequest(c)) return 'a person asks for more'
  return isApproved(c) ? 'no longer green and mergeable' : 'no longer approved'
}

export const post = (c: IssueContext, kind: string, level: FeedLevel, status: string, summary: string): IssueReport => ({
  type: 'feed.posted',
  issue: c.issue.key,
  project: c.project,
  level,
  kind,
  phase: c.phase,
  status,
  summary: summary.slice(0, longestSummary),
})

const pullRequest = (c: IssueContext): string => `Pull request #${c.pr?.number}`
const thePullRequest = (c: IssueContext): string => `pull request #${c.pr?.number}`

/** One sentence for people about each phase. */
const phaseTexts: Record<Phase, (c: IssueContext) => string> = {
  delegated: (c) => {
    const blockers = openBlockers(c).map(({ key }) => key)
    if (blockers.length > 0) return `Delegated; blocked by ${blockers.join(', ')}`
    if (isResting(c))
      return `Its parts are under way: ${openChildren(c)
        .map(({ key }) => key)
        .join(', ')}`
    return 'Delegated; waiting for its first run'
  },
  implementing: (c) => (c.run === null ? 'Its change is under way' : 'An agent works on it'),
  pr_open: (c) => `${pullRequest(c)} is open`,
  changes_requested: (c) =>
    `Changes were requested on ${thePullRequest(c)}, whose head ${c.pr?.headSha.slice(0, 10)} is blocked until another answers them`,
  repairing_ci: (c) => `The checks of ${thePullRequest(c)} are red`,
  awaiting_queue: (c) => `${pullRequest(c)} is approved and green; it waits to land`,
  repairing_queue: (c) => `The landing queue gave ${thePullRequest(c)} back: ${presentHead(c).queue?.incident?.summary ?? 'no reason'}`,
  deploying: () => 'Landed; its deployment is watched',
  awaiting_input: (c) => `A question is open: ${c.question?.text ?? ''}`,
  escalated: (c) => `A human is needed: ${escalationText(c)}`,
  failed: () => 'Closed without a landed change',
  done: (c) => (c.pr === null ? 'Done without a pull request' : c.pr.state === 'merged' ? `${pullRequest(c)} has landed` : 'Done'),
}

/** Why a human is needed. */
export function escalationText(c: IssueContext): string {
  if (c.escalation) return c.escalation.reason
  if (c.deploy?.state === 'failed') {
    const { sha, reason = '' } = c.deploy
    return `the deployment of ${sha.slice(0, 10)} failed${reason === '' ? '' : ` (${reason})`}: a retry deploys again`
  }
  const incident = presentHead(c).queue?.incident
  return incident ? `${incident.summary}. A retry or a message has it tried again` : 'nothing more is known'
}

const phaseLevels: Partial<Record<Phase, FeedLevel>> = {
  escalated: 'error',
  awaiting_input: 'warn',
  failed: 'warn',
  repairing_queue: 'warn',
}

const report = (c: IssueContext, kind: Extract<IssueReport, { type: 'tracker.report' }>['kind'], text: string): IssueReport => ({
  type: 'tracker.report',
  project: c.project,
  issue: c.id,
  key: c.issue.key,
  kind,
  phase: c.phase,
  text,
})

/** Where it stands, for the tracker. */
function reportPhase(c: IssueContext): IssueReport {
  const asks = c.question !== null && c.phase === 'awaiting_input'
  return asks ? report(c, 'question', c.question!.text) : report(c, 'state', phaseTexts[c.phase](c))
}

/** The change of phase, for the feed and for the tracker. */
export const tellPhase = (c: IssueContext): IssueReport[] => [
  post(c, 'phase', phaseLevels[c.phase] ?? 'info', c.phase, phaseTexts[c.phase](c)),
  reportPhase(c),
]

export const authorityOf = (c: IssueContext): Authority => (c.stop ? 'stopped' : c.delegated ? 'acting' : 'observing')

/** The change from `before`, for the feed; and for the tracker what would go on saying that it is at work, or is not. */
export function tellAuthority(c: IssueContext, before: Authority): IssueReport[] {
  const authority = authorityOf(c)
  const text = {
    acting: 'Signalbox acts on it again',
    observing: 'Taken back: facts are still taken in, nothing is written',
    stopped: `Stopped by ${c.stop?.author ?? 'somebody'}: ${c.stop?.reason ?? ''}`,
  }[authority]
  const posted = post(c, 'authority', 'info', authority, text)
  if (authority === 'stopped') return [posted, report(c, 'halt', `${text}. A retry, a message or a new delegation goes on.`)]
  // Where the phase changes as well, that is told by itself.
  return before === 'stopped' && authority === 'acting' && phaseOf(c) === c.phase ? [posted, reportPhase(c)] : [posted]
}

export const askForRerun = (c: IssueContext): IssueReport => ({
  type: 'rerun.wanted',
  project: c.project,
  issue: c.id,
  number: c.pr!.number,
  headSha: c.pr!.headSha,
})

/** What a run that was called off has left in its worktree; empty for nothing, or while a run is still at work. */
export const leftText = ({ run, left = [] }: IssueContext): string =>
  run !== null || left.length === 0 ? '' : `; uncommitted in its worktree: ${listed(left)}`

const doing: Record<Authority, (c: IssueContext) => string | null> = {
  acting: (c) => (c.run === null ? null : `${c.run.id} (${c.run.type.replace('_', ' ')} by ${c.run.agent}) is at work.`),
  observing: (c) => `It is not delegated${leftText(c)}: facts are taken in, nothing is written.`,
  stopped: (c) => `Stopped by ${c.stop?.author}${leftText(c)}: a retry, a message or a new delegation goes on.`,
}

/** The answer to a person who asks how it goes, from what is known at this moment. */
export function statusAnswer(c: IssueContext): IssueReport {
  const blockers = openBlockers(c).map(({ key }) => key)
  const cancelled = c.issue.blockedBy.filter(({ state }) => state === 'canceled').map(({ key }) => key)
  const sentences = [
    `${phaseTexts[c.phase](c)}.`,
    doing[authorityOf(c)](c),
    c.phase === 'failed' ? 'A retry takes it up again.' : null,
    blockers.length === 0 ? null : `Blocked by ${blockers.join(', ')}.`,
    cancelled.length === 0 ? null : `${cancelled.join(', ')} was cancelled and blocks it no more.`,
    c.run === null && c.notBefore > c.now ? `The next run begins after a pause, at ${new Date(c.notBefore).toISOString()}.` : null,
    c.capacity === 'requested' ? 'It waits for a free place.' : null,
    c.run === null && c.lastFailure !== null ? `The last attempt ended: ${c.lastFailure.reason}` : null,
  ]
  const text = sentences.filter((sentence) => sentence !== null).join(' ')
  return report(c, 'comment', text)
}

/** What the agent says where nothing had to be changed. */
export const answerTo = (c: IssueContext, summary: string): IssueReport =>
  report(c, 'comment', summary === '' ? 'There was nothing to change.' : summary)

/** The beginning of a fix, for the people who asked for it. */
export function tellRound(c: IssueContext): IssueReport {
  const { agent, head } = c.run!
  const round = c.attempts.review_fix
  const text = `Review round ${round}: ${agent} makes the changes that were asked for on ${head?.slice(0, 10) ?? 'the pull request'}.`
  return report(c, 'comment', text)
}

/** It has been open for long: whoever may do something about it is told. */
export function tellStuck(c: IssueContext): IssueReport {
  const missing = [
    checksState(c) === 'pending' ? 'its checks have not answered' : null,
    checksState(c) === 'failed' ? 'its checks are red' : null,
    reviewState(c) === 'none' && c.policy.review !== 'none' ? 'nobody has reviewed it' : null,
    objectors(c).length > 0 ? `${objectors(c).join(', ')} asked for changes and has not looked again` : null,
    c.pr?.draft ? 'it is a draft' : null,
    c.pr?.parent ? `#${c.pr.parent.number}, which it is based on, has ${c.pr.parent.closed ? 'been closed' : 'not landed'}` : null,
    c.run === null ? null : `${c.run.id} is at work`,
    c.capacity === 'requested' ? 'its run waits for a free place' : null,
    { acting: null, observing: 'it is not delegated', stopped: 'it is stopped' }[authorityOf(c)],
  ].filter((text) => text !== null)
  const why = missing.length === 0 ? 'nothing more is known' : missing.join(', ')
  return post(c, 'review.stuck', 'warn', 'waiting', `${pullRequest(c)} has been open for long: ${why}`)
}

const aboutLate = (c: IssueContext, wanted: boolean): IssueReport => {
  const { number, headSha } = c.late!.pr!
  return { type: 'publication.decided', wanted, project: c.project, issue: c.id, number, headSha }
}

/** Nobody wants it: it is closed, and people are told where the work is. */
export function withdrawPublication(c: IssueContext): IssueReport[] {
  const { number, headRef } = c.late!.pr!
  const text = `Pull request #${number} was published by a run that had been called off: it is closed, and the work is kept on ${headRef}`
  return [aboutLate(c, false), post(c, 'publication.withdrawn', 'warn', 'withdrawn', text)]
}

export function restorePublication(c: IssueContext): IssueReport[] {
  const { number } = c.late!.pr!
  return [
    aboutLate(c, true),
    post(c, 'publication.restored', 'info', 'restored', `Pull request #${number} is wanted again and opened anew`),
  ]
}

export const releaseWorktree = (c: IssueContext): IssueReport => ({
  type: 'worktree.released',
  project: c.project,
  key: c.issue.key,
  branch: c.branch,
  base: c.base,
  landed: c.pr?.state === 'merged' ? c.pr.headSha : null,
})
