// When an entry of a landing queue goes on, waits or is given back.

import type { Candidate, Landing, QueueContext } from './context.ts'
import { isSame, mostObstacles } from './policy.ts'

interface Args {
  context: QueueContext
  event: { type: string }
}
type Only = Pick<Args, 'context'>

const about = (event: Args['event']) => event as unknown as { number: number; headSha: string }
const outputOf = <T>(event: Args['event']): T => (event as unknown as { output: T }).output
const codeOf = (event: Args['event']): string => (event as { error?: { code?: string } }).error?.code ?? ''

/** When somebody waits. */
export const hasEntries = ({ context }: Only): boolean => context.entries.length > 0
/** When this very head is in the queue already: asking twice is asking once. */
export const isKnown = ({ context: c, event }: Args): boolean =>
  c.entries.some((entry) => isSame(entry, about(event))) || (isUnderTest({ context: c, event }) && c.withdrawn === null)
/** When the event is about the entry under test. */
export const isUnderTest = ({ context: { head }, event }: Args): boolean => head !== null && isSame(head, about(event))
/** When the entry under test was withdrawn while its landing was in flight. */
export const isWithdrawn = ({ context: { head, withdrawn } }: Only): boolean =>
  head !== null && withdrawn !== null && isSame(head, withdrawn)

/** When the head does not merge into the base. */
export const isConflict = ({ event }: Args): boolean => outputOf<Candidate>(event).kind === 'conflict'
/** When the base has the head already. */
export const hasLandedAlready = ({ event }: Args): boolean => outputOf<Candidate>(event).kind === 'already_landed'
/** When nothing is wrong with the tree that would land. */
export const hasPassed = ({ event }: Args): boolean => outputOf<{ state: string }>(event).state !== 'failed'
/** When the base moved to the tested commit. */
export const hasLanded = ({ event }: Args): boolean => outputOf<Landing>(event).kind === 'landed'
/** When the base is not where the test began: the merge has to be tested again. */
export const hasBaseMoved = ({ event }: Args): boolean => outputOf<Landing>(event).kind === 'base_moved'

/** When the work ended because its process did. */
export const isInterruption = ({ event }: Args): boolean => ['interrupted', 'check-aborted'].includes(codeOf(event))
/** When the pull request is closed, or at another head by now: there is nothing to land. */
export const isGone = ({ event }: Args): boolean => ['stale-head', 'pull-request-closed', 'unknown-pull-request'].includes(codeOf(event))
/** When the environment may be tried again. */
export const canTryAgain = ({ context }: Only): boolean => context.obstacles < mostObstacles
