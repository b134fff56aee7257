// When a request is news.

import type { CapacityContext } from './context.ts'

interface Args {
  context: CapacityContext
  event: { type: string }
}

/** When the issue waits already: asking twice is asking once. */
export const isWaiting = ({ context, event }: Args): boolean =>
  context.waiting.some((request) => request.issue === (event as unknown as { issue: string }).issue)
