// Somebody has to notice when a guard or an edge is gone: a seeded sample here, nightly and with `signalbox check --mutants` all of them.

import { expect, it } from 'vitest'
import { seededRandom } from '../../../src/actors/system/index.ts'
import { mutations } from '../../../src/app/models.ts'
import { tryAll } from './mutants.ts'

const isNightly = process.env['SIGNALBOX_NIGHTLY'] !== undefined
const sample = isNightly ? Infinity : 40
const seed = Number(process.env['SIGNALBOX_SEED'] ?? 1)

it(
  `each of ${isNightly ? 'all' : sample} mutants is noticed by a story or a property, or explained`,
  { timeout: isNightly ? 3_600_000 : 600_000 },
  async () => {
    const random = seededRandom(seed)
    const drawn = mutations()
      .map((mutation) => ({ mutation, order: random() }))
      .sort((a, b) => a.order - b.order)
      .slice(0, sample)
      .map(({ mutation }) => mutation)
    const verdicts = await tryAll(drawn)
    const surviving = verdicts.filter(({ by, why }) => by === null && why === null).map(({ mutant }) => mutant)
    expect(surviving, `SIGNALBOX_SEED=${seed}`).toEqual([])
  },
)
