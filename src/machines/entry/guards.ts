// When an entry of a landing queue goes on, waits or is given back.

import type { CheckFailure } from '../vocabulary.ts'
import type { Candidate, EntryContext, Landing, Place } from './context.ts'
import { retryOf } from './policy.ts'

interface Args {
  context: EntryContext
  event: { type: string }
}
type Only = Pick<Args, 'context'>

const outputOf = <T>(event: Args['event']): T => (event as unknown as { output: T }).output
const codeOf = (event: Args['event']): string => (event as { error?: { code?: string } }).error?.code ?? ''

/** When there is something to build the candidate onto. */
export const hasPlace = ({ context }: Only): boolean => context.place !== null
/** When the queue gives another place than the one it has. */
export const isElsewhere = ({ context, event }: Args): boolean =>
  (event as unknown as { place: Place | null }).place?.round !== context.place?.round
/** When everything before it has landed as tested, or has gone. */
export const isFirst = ({ context }: Only): boolean => context.isFirst
/** When it is not wanted any more. */
export const isWithdrawn = ({ context }: Only): boolean => context.isWithdrawn

/** When the head does not merge. */
export const isConflict = ({ event }: Args): boolean => outputOf<Candidate>(event).kind === 'conflict'
/** When the base itself has the head already. */
export const hasLandedAlready = ({ context, event }: Args): boolean =>
  outputOf<Candidate>(event).kind === 'already_landed' && context.place?.onto === null
/** When the candidate that it stands on has the head already: whether the base has it is known once that one has landed. */
export const isContained = ({ context, event }: Args): boolean =>
  outputOf<Candidate>(event).kind === 'already_landed' && context.place?.onto !== null
/** When nothing is wrong with the tree that would land. */
export const hasPassed = ({ event }: Args): boolean => outputOf<{ state: string }>(event).state !== 'failed'
/** When every failure is known to come and go by itself, and this is the first time. */
export const canRerun = ({ context, event }: Args): boolean => {
  const { failures } = outputOf<{ failures: CheckFailure[] }>(event)
  return !context.isRerun && failures.length > 0 && failures.every(({ flaky }) => flaky === true)
}
/** When the base moved to the tested commit. */
export const hasLanded = ({ event }: Args): boolean => outputOf<Landing>(event).kind === 'landed'
/** When the base is not where the test began: the merge has to be tested again. */
export const hasBaseMoved = ({ event }: Args): boolean => outputOf<Landing>(event).kind === 'base_moved'

/** When the work ended because its process did. */
export const isInterruption = ({ event }: Args): boolean => ['interrupted', 'check-aborted'].includes(codeOf(event))
/** When the pull request is closed, or at another head by now: there is nothing to land. */
export const isGone = ({ event }: Args): boolean => ['stale-head', 'pull-request-closed', 'unknown-pull-request'].includes(codeOf(event))
/** When the environment may be tried again. */
export const canTryAgain = ({ context }: Only): boolean => context.obstacles < retryOf(context).attempts
/** When the candidate has been built. */
export const isBuilt = ({ context }: Only): boolean => context.candidate !== null
/** When the candidate has passed its checks. */
export const isTested = ({ context }: Only): boolean => context.isTested
