// How snapshots of earlier versions of the issue's chart become those of this one.

import { createContext, type IssueContext } from './context.ts'
import { causeOf } from './policy.ts'

type Snapshot = Record<string, any>

/** To 2: heads know their patch and their re-run, an umbrella its children's time; `delegated` and `asked` have inner states. */
function toVersion2(snapshot: Snapshot): Snapshot {
  const { context, value } = snapshot as { context: Snapshot; value: Snapshot }
  const heads = Object.entries(context['heads'] as Record<string, Snapshot>).map(([sha, head]) => [
    sha,
    { patchId: null, rerun: null, ...head },
  ])
  // It held what a retry had put aside, which is not put aside any more.
  const { formerPr: _formerPr, ...rest } = context
  const pr = context['pr'] && { parent: null, ...context['pr'] }
  const run = context['run'] && { publishing: null, ...context['run'] }
  const inner: Record<string, unknown> = { delegated: { delegated: 'ready' }, asked: { awaiting_queue: { asked: 'unheard' } } }
  const { lifecycle } = value
  const deeper = inner[lifecycle?.awaiting_queue ?? lifecycle]
  return {
    ...snapshot,
    value: deeper === undefined ? value : { ...value, lifecycle: deeper },
    context: {
      ...rest,
      heads: Object.fromEntries(heads),
      pr,
      run,
      late: null,
      lateUntil: 0,
      landed: [],
      adoption: null,
      childrenAt: 0,
      resting: false,
      replacements: 0,
    },
  }
}

/** To 3: every number of the policy is the project's own. What a snapshot does not name is as it was. */
function toVersion3(snapshot: Snapshot): Snapshot {
  const { policy } = createContext({})
  const { policy: known } = snapshot['context'] as { policy: Snapshot }
  const budgets = { ...policy.budgets, ...known['budgets'] }
  const delays = { ...policy.delays, ...known['delays'] }
  const fresh = { ...snapshot['context'], liftedAt: 0, publishedAt: 0, policy: { ...policy, ...known, budgets, delays } } as IssueContext
  // What it is about has another name now, and is the same as long as nothing has happened.
  const escalation = fresh.escalation && { ...fresh.escalation, anchor: causeOf(fresh) }
  return { ...snapshot, context: { ...fresh, escalation } }
}

/** To 4: it knows what others were told of its usage, and which agents it asks a place for. What was used before was told to nobody. */
function toVersion4(snapshot: Snapshot): Snapshot {
  const { context } = snapshot as { context: Snapshot }
  const { policy, agents, place, account, resets } = createContext({})
  const { run } = context
  return {
    ...snapshot,
    context: {
      ...{ ...context, agents, place, resets },
      account: run === null ? account : { ...account, run: run.id, usage: run.usage },
      policy: { failover: policy.failover, ...context['policy'], budgets: { resets: policy.budgets.resets, ...context['policy'].budgets } },
    },
  }
}

export const migrations = {
  1: { to: 2, migrate: toVersion2 },
  2: { to: 3, migrate: toVersion3 },
  3: { to: 4, migrate: toVersion4 },
}
