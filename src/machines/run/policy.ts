// The numbers of one run.

/** Milliseconds that an agent is given to end after an interrupt before the run settles without it. */
export const endingTime = 15_000
/** Milliseconds between two reports of progress to the issue. */
export const reportEvery = 5_000
/** Turns of one run: the work, and one continuation that commits what was left. */
export const mostTurns = 2
/** How often a thread is resumed in one run. */
export const mostResumes = 3
