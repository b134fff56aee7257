// How snapshots of earlier versions of the chart become those of this one.

import { createContext } from './context.ts'

type Snapshot = Record<string, any>

/** To 2: heads know their patch and their re-run, an umbrella its children's time; `delegated` and `asked` have inner states. */
function toVersion2(snapshot: Snapshot): Snapshot {
  const { context, value } = snapshot as { context: Snapshot; value: Snapshot }
  const fresh = createContext({})
  const heads = Object.entries(context['heads'] as Record<string, Snapshot>).map(([sha, head]) => [
    sha,
    { patchId: null, rerun: null, ...head },
  ])
  const policy = { ...fresh.policy, ...context['policy'], delays: { ...fresh.policy.delays, ...context['policy'].delays } }
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
      policy,
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

export const migrations = { 1: { to: 2, migrate: toVersion2 } }
