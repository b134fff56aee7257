// An issue's snapshot as the document that users see (interface §2). Pure: the same snapshot gives the same document.

import type { Hold } from '../capacity/policy.ts'
import { activeNodes, describeMachine } from '../definition.ts'
import { runMachine } from '../run/machine.ts'
import { addUsage, noUsage, phases, runTypes, type Phase, type Usage, type Waiting } from '../vocabulary.ts'
import type { IssueContext } from './context.ts'
import { issueMachine } from './machine.ts'
import { checksState, reviewState } from './policy.ts'
import { waiting, type Timers, type WaitsFor } from './waiting.ts'

export interface DocumentFacts {
  issue: { value: unknown; context: unknown; version: number; updatedAt: number }
  timers: Timers
  worktree: string | null
  faulted: { code: string; message: string; address: string } | null
  /** Why it is given no place, however many are free; asked only when one is waited for. */
  heldBack: () => Hold | null
  /** The live run's own view, newer than what it reported. */
  run: { value: unknown; context: unknown } | null
}

export interface WaitingRow {
  party: Waiting['party']
  reason: string
  since: string
  until: string | null
}

const iso = (at: number): string => new Date(at).toISOString()
const isoOrNull = (at: number | null): string | null => (at === null ? null : iso(at))

const definition = describeMachine(issueMachine, { id: 'issue', version: '' })
const runDefinition = describeMachine(runMachine, { id: 'run', version: '' })

/** The phase that the active states are about. */
export function phaseIn(value: unknown): Phase {
  const phase = activeNodes(definition.root, value).find((node) => node.meta['phase'] !== undefined)?.meta['phase']
  return (phase ?? phases[0]) as Phase
}

/** Whether the active states carry the tag `terminal`. */
export const isTerminal = (value: unknown): boolean => activeNodes(definition.root, value).some((node) => node.tags.includes('terminal'))

export function waitingFor(context: IssueContext, value: unknown, timers: Timers): WaitingRow[] {
  if (isTerminal(value)) return []
  const rows = activeNodes(definition.root, value).flatMap((node) => {
    const name = node.meta['waitsFor'] as WaitsFor | undefined
    return name === undefined ? [] : waiting[name](context, timers)
  })
  return rows.map(({ party, reason, since, until }) => ({ party, reason, since: iso(since), until: isoOrNull(until) }))
}

/** Who waits for a place while there is a reason that none is given waits for whoever can end that. */
function withHold(rows: WaitingRow[], heldBack: () => Hold | null): WaitingRow[] {
  return rows.map((row) => {
    const hold = row.party === 'capacity' ? heldBack() : null
    return hold === null ? row : { ...row, party: hold.party, reason: hold.reason, until: isoOrNull(hold.until) }
  })
}

export function toDocument({ issue, timers, worktree, faulted, heldBack, run }: DocumentFacts) {
  const c = issue.context as IssueContext
  const live = run?.context as
    | { usage?: Usage; lastSignalAt?: number | null; lastProgressAt?: number | null; thread?: string | null }
    | undefined
  const livePhase = run && activeNodes(runDefinition.root, run.value).findLast((node) => node.meta['phase'] !== undefined)?.meta['phase']
  const running = c.run && (live?.usage ?? c.run.usage)
  const usage = addUsage(c.spent.usage, running ?? noUsage)
  const { budgets } = c.policy
  const budget = (used: number, limit: number | null) => ({ used: Math.round(used * 100) / 100, limit })
  return {
    key: c.issue.key,
    id: c.id,
    title: c.issue.title,
    url: c.issue.url,
    project: c.project,
    phase: phaseIn(issue.value),
    authority: (issue.value as { authority: 'acting' | 'observing' | 'stopped' }).authority,
    value: issue.value,
    waitsFor: withHold(waitingFor(c, issue.value, timers), heldBack),
    run: c.run && {
      id: c.run.id,
      type: c.run.type as string,
      phase: (livePhase ?? c.run.phase) as string,
      agent: c.run.agent,
      ...(c.run.insteadOf === undefined ? {} : { insteadOf: c.run.insteadOf }),
      startedAt: iso(c.run.startedAt),
      lastSignalAt: isoOrNull(live?.lastSignalAt ?? c.run.lastSignalAt),
      lastProgressAt: isoOrNull(live?.lastProgressAt ?? c.run.lastProgressAt),
      usage: running!,
    },
    pr: c.pr && {
      number: c.pr.number,
      url: c.pr.url,
      state: c.pr.state,
      headSha: c.pr.headSha,
      draft: c.pr.draft,
      review: reviewState(c),
      checks: checksState(c),
      mergeable: c.pr.mergeable,
    },
    question: c.question?.text ?? null,
    branch: c.branch === '' ? null : c.branch,
    worktree,
    /** The conversation of the last agent that has worked on it. */
    thread: c.run && live?.thread ? { agent: c.run.agent, id: live.thread } : (c.thread ?? null),
    budgets: {
      runs: budget(c.spent.runs, budgets.runs),
      hours: budget(c.spent.ms / 3_600_000, budgets.hours),
      tokens: budget(usage.inputTokens + usage.outputTokens, budgets.tokens),
      usd: budget(usage.usd, budgets.usd),
      interruptions: budget(c.interruptions, budgets.interruptions),
      recovery: budget(c.recoveries, budgets.recovery),
      environment: budget(c.environmentFailures, budgets.environment),
      capacity: budget(c.capacityFailures, budgets.capacity),
      resets: budget(c.resets, budgets.resets),
      ...Object.fromEntries(runTypes.map((type) => [type, budget(c.attempts[type], budgets[type])])),
    } as Record<string, { used: number; limit: number | null }>,
    attempts: { ...c.attempts } as Record<string, number>,
    blockedBy: c.issue.blockedBy,
    delegated: c.delegated,
    faulted,
    version: issue.version,
    updatedAt: iso(issue.updatedAt),
  }
}
