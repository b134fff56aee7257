// When checks that gave no answer are simply run again.

interface Args {
  event: { type: string }
}

const codeOf = (event: Args['event']): string => (event as { error?: { code?: string } }).error?.code ?? ''

/** When they ended because their process did. */
export const isInterruption = ({ event }: Args): boolean => ['interrupted', 'check-aborted'].includes(codeOf(event))
/** When the pull request is closed, or at another head by now: nobody asks any more. */
export const isGone = ({ event }: Args): boolean => ['unknown-pull-request', 'unknown-head'].includes(codeOf(event))
