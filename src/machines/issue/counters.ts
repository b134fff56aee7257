// What attempts and pauses have added up to, and what gives it back (design §4).

import type { IssueContext } from './context.ts'

/** Of a run that did its work: nothing in a row has failed. */
export const noFailures = { interruptions: 0, recoveries: 0, environmentFailures: 0, capacityFailures: 0, resets: 0, notBefore: 0 }

/** No run before this one has broken off: what is begun now is told for the first time. */
export const isFreshStart = (c: IssueContext): boolean =>
  c.interruptions + c.recoveries + c.environmentFailures + c.capacityFailures + c.resets === 0

/** What a foreign head, a human message, or an operator's retry or reset gives back. */
export const restored = (c: IssueContext): Partial<IssueContext> => ({
  ...noFailures,
  attempts: { ...c.attempts, implementation: 0, review_fix: 0, ci_repair: 0, queue_repair: 0, branch_upkeep: 0, review: 0 },
  escalation: null,
})
