// Everything that can happen to the reconciliation from outside.

/** An issue has heard nothing for a while of something that it waits for. */
export interface ReconciliationEvent {
  type: 'facts.wanted'
  issue: string
  at?: number
}
