// 500 couriers at work, killed at random moments: 20 times here, 1,000 times at night.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { seededRandom } from '../../../../src/actors/system/index.ts'
import { check } from './check.ts'
import { live } from './lives.ts'
import type { Life } from './subject.ts'
import { linesOf } from './world.ts'

const kills = Number(process.env['SIGNALBOX_KILLS'] ?? (process.env['SIGNALBOX_NIGHTLY'] ? 1_000 : 20))
const seed = Number(process.env['SIGNALBOX_SEED'] ?? Date.now() % 1_000_000)

test(
  `after ${kills} kills everything that was acknowledged has happened once (SIGNALBOX_SEED=${seed})`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-killer-'))
    const random = seededRandom(seed)
    const life: Life = {
      folder,
      seed,
      couriers: 500,
      parcels: 0,
      everything: false,
      work: 30,
      clients: 100,
      // Small turns and a cache that does not hold all: more boundaries, and rows that come from the file again.
      limits: { turn: 2, steps: 50, cacheBytes: 100_000 },
    }
    try {
      for (let n = 0; n < kills; n++) {
        // What is left over grows no longer than a few lives can carry, however slow this machine is.
        const taken = linesOf(join(folder, 'acks')).length + linesOf(join(folder, 'sent')).length
        life.parcels = Math.max(life.parcels, taken + 100 + Math.floor(random() * 300))
        await live(life, { killAfter: Math.floor(random() ** 2 * 500) })
      }
      expect(await live(life, { timeout: 120_000 })).toBe('done')
      const verdict = check(life)
      expect(verdict.wrong.slice(0, 20)).toEqual([])
      expect(verdict.parcels).toBeGreaterThan(kills * 5)
    } catch (error) {
      console.error(`The killer failed with SIGNALBOX_SEED=${seed}; its files are in ${folder}`)
      throw error
    }
    rmSync(folder, { recursive: true, force: true })
  },
  kills * 30_000,
)
