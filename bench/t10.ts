// T10: the model check of the shipped machines, as `signalbox check` runs it, without mutants.

import { checkModels } from '../src/app/model-check.ts'
import { figure, tell, timed, type Figure } from './measure.ts'

/** It takes a minute and varies little: no rounds. */
export async function measure(): Promise<Figure[]> {
  let states = 0
  let transitions = 0
  const ms = await timed(async () => {
    for (const exploration of await checkModels()) {
      if (!exploration.complete || exploration.violations.length > 0)
        throw new Error(`${exploration.machine}, ${exploration.world} is not proved: ${JSON.stringify(exploration.violations)}`)
      states += exploration.states
      transitions += exploration.transitions
    }
  })
  return [
    figure('T10', 'model check of the shipped machines', 's', [ms / 1_000], { limit: { most: 60 } }),
    figure('T10', 'states explored', '', [states]),
    figure('T10', 'transitions taken', '', [transitions]),
  ]
}

if (import.meta.main) tell(await measure())
