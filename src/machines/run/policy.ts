// The numbers of one run.

/** Milliseconds that an agent is given to end after an interrupt before the run settles without it. */
export const endingTime = 15_000
/** Milliseconds that a look at the worktree of an agent without progress may take. */
export const probeTime = 30_000
/** Milliseconds from a nudge to the next look. */
export const nudgeTime = 5 * 60_000
/** How often an agent that has stalled is started again in one run. */
export const mostStalls = 1
/** Milliseconds between two reports of progress to the issue. */
export const reportEvery = 5_000
/** Turns that commit what was left uncommitted, in one run. */
export const mostCommits = 1
/** How often an agent that changed nothing is asked why: it goes back to work after all but the last of these. */
export const mostChecks = 2
/** Milliseconds for the answer to that. */
export const completionTime = 90_000
/** Findings of one review that are bound to their lines; the others are told in its text. */
export const mostFindings = 500
/** Characters of a review's text, and of one finding's. */
export const longestReview = 16_000
/** How often a thread is resumed in one run, */
export const mostResumes = 3
/** a new one is made of it when it cannot be, */
export const mostForks = 1
/** and another is begun in its place when that cannot be done either. */
export const mostRestarts = 1
