// The check by which we show on a pull request what its issue is doing.

import type { SeenContext } from './queries.ts'
import type { Self } from './repositories.ts'

export const ownName = 'Signalbox'

/** Whether it is ours: then it says nothing about the change. A user's token can only set statuses. */
export const ownContext = (context: SeenContext, { slug }: Self): boolean =>
  context.__typename === 'CheckRun' ? context.name === ownName && context.checkSuite.app?.slug === slug : context.context === ownName
