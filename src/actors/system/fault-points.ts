// Where a process can be killed in a test: every commit boundary, and between a commit and what it owes the world.

export const faultPoints = [
  'commit:before',
  'commit:after',
  'accept:before',
  'effect:before-start',
  'effect:after-start',
  'effect:result',
  'effect:deliver',
  'effect:acknowledged',
  'effect:stop',
  'report:before-start',
  'timer:fire',
  'boot:owned',
  'boot:checked',
  'boot:resumed',
] as const

export type FaultPoint = (typeof faultPoints)[number]

/** Called at each point by name; a test kills the process in it. */
export type AtFaultPoint = (point: FaultPoint) => void
