// check --mutants: changes the machines one guard or one edge at a time and asks whether a story or a property notices.

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Mutation } from '../actors/explore/mutate.ts'
import { mutations } from '../app/models.ts'
import { FatalError } from '../errors.ts'
import { exit } from './exit.ts'
import { oneLine, type Output } from './output.ts'

/** What became of one mutant. `by` names the story or the property that noticed; `why` explains one that nothing can notice. */
export interface Verdict {
  mutant: string
  by: string | null
  why: string | null
  ms: number
}

/** What a clone brings: the stories are not in the published package. */
interface Stories {
  tryAll: (all: readonly Mutation[], finished: (verdict: Verdict, left: number) => void) => Promise<Verdict[]>
}

/** Throws FatalError `no-stories` outside of a clone. */
export async function tryMutants(output: Output): Promise<number> {
  const file = fileURLToPath(new URL('../../test/machines/model/mutants.ts', import.meta.url))
  if (!existsSync(file)) {
    throw new FatalError(
      'no-stories',
      'Mutants are tried on the stories of the tests, which the published package does not have. Run `signalbox check --mutants` in a clone of the repository.',
    )
  }
  const { tryAll } = (await import(file)) as Stories
  const verdicts = await tryAll(mutations(), ({ mutant, by, why, ms }, left) =>
    output.note(`${left} left: ${mutant}: ${by ? `noticed by ${by}` : why ? 'explained' : 'SURVIVES'} (${(ms / 1_000).toFixed(1)} s)`),
  )
  const surviving = verdicts.filter(({ by }) => by === null)
  const unexplained = surviving.filter(({ why }) => why === null)
  output.document({ ok: unexplained.length === 0, mutants: verdicts.length, verdicts })
  for (const { mutant, why } of surviving)
    output.line(`${why ? 'EXPLAINED' : output.style('red', 'SURVIVES ')}  ${mutant}${why ? `: ${oneLine(why)}` : ''}`)
  output.line(`${verdicts.length} mutants, ${verdicts.length - surviving.length} noticed, ${unexplained.length} survive unexplained.`)
  return unexplained.length === 0 ? exit.done : exit.attention
}
