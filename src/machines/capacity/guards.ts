// When a request is news, and when money or an agent's provider holds places back.

import type { CapacityContext } from './context.ts'
import { isLifted, overspent } from './policy.ts'

interface Args {
  context: CapacityContext
  event: { type: string }
}
type Only = Pick<Args, 'context'>

/** When the issue waits already: asking twice is asking once. */
export const isWaiting = ({ context, event }: Args): boolean =>
  context.waiting.some((request) => request.issue === (event as unknown as { issue: string }).issue)

/** When a budget of the day is used up, and nobody has lifted it. */
export const isDaySpent = ({ context: c }: Only): boolean => overspent(c).some((name) => !isLifted(c, name))
export const isDayOpen = ({ context }: Only): boolean => !isDaySpent({ context })

/** When the provider of an agent has no room. */
export const isAgentShort = ({ context }: Only): boolean => Object.keys(context.shortages).length > 0
export const hasEveryAgentRoom = ({ context }: Only): boolean => !isAgentShort({ context })
