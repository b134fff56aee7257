// What a poll sees where an issue has been told everything: the same facts, all at once.

import type { IssueContext } from './context.ts'
import type { EventOf } from './events.ts'

export function pollOf(c: IssueContext, observedAt: number): Omit<EventOf<'reconcile'>, 'type' | 'at'> {
  const facts = c.pr && c.heads[c.pr.headSha]
  const heard = Object.values({ ...c.blockers, ...c.children }).map((one) => one.observedAt)
  const { pr } = c
  return {
    observedAt,
    source: 'poll',
    tracker: c.removed ? null : { ...c.issue, delegated: c.delegated, observedAt: Math.max(c.issueObservedAt, ...heard) },
    ...(pr && {
      pr: {
        ...pr,
        author: 'x',
        reviews: Object.entries(c.heads).flatMap(([headSha, { reviews }]) =>
          Object.entries(reviews).flatMap(([reviewer, { of, ...said }]) =>
            of === undefined ? [{ id: reviewer, reviewer, headSha, ...said }] : [],
          ),
        ),
        patchId: facts?.patchId ?? null,
        checks: {
          headSha: facts?.checks ? pr.headSha : '',
          ...(facts?.checks ?? { state: 'none' as const, names: [], failures: [], observedAt: 0 }),
        },
        queue: {
          headSha: facts?.queue ? pr.headSha : '',
          ...(facts?.queue ?? { state: 'none' as const, incident: null, observedAt: 0 }),
        },
        observedAt: Math.max(pr.observedAt, facts?.observedAt ?? 0),
      },
    }),
  }
}
