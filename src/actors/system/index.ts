// The durable actor system's public side.

export {
  createSystem,
  type ActorSystem,
  type Handled,
  type Health,
  type Limits,
  type Problem,
  type SystemOptions,
  type Fault,
} from './system.ts'
export { defineActor, type ActorDefinition, type Migrate } from './definition.ts'
export type { ActorRef, ActorView, JournalEntry } from './ref.ts'
export type { Receipt } from './mailbox.ts'
export type { EffectPolicy } from './effects.ts'
export type { InspectionEvent, InspectedActor } from './inspection.ts'
export { realClock, virtualClock, type Clock, type VirtualClock } from './clock.ts'
export { seededRandom, type RandomSource } from './random.ts'
export { verify, verifyActor, replay, retrace, type Replayed, type Verdict } from './replay.ts'
export { chainOf, entriesOf } from './ref.ts'
export { toView } from './system.ts'
export { resolveKinds, type Kind } from './definition.ts'
export { restoreSnapshot, stateOfShape } from './step.ts'
export { MachinesIncompatibleError } from './boot.ts'
export { faultPoints, type FaultPoint } from './fault-points.ts'
