// Everything that can happen to the checks of one head from outside.

/** An operator has cleared what was in the way: the pause ends at once. */
export interface CheckEvent {
  type: 'check.retried'
  at?: number
}
