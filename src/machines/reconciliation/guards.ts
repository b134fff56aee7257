// When the reconciliation goes on at once, and when it hurries.

import type { Answer, ReconciliationContext } from './context.ts'

interface Args {
  context: ReconciliationContext
  event: { type: string }
}

const answerOf = (event: Args['event']): Answer => (event as unknown as { output: Answer }).output

/** When an issue has asked to be told in the meantime. */
export const isMoreWanted = ({ context }: Pick<Args, 'context'>): boolean => context.wanted.length > 0
/** When somebody did not know something, or waits for a word. */
export const hasNews = ({ event }: Args): boolean => answerOf(event).told > 0 || answerOf(event).awaiting > 0
