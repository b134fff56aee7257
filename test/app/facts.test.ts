import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { realClock } from '../../src/actors/system/index.ts'
import { createFactPump } from '../../src/app/facts.ts'
import { openDatabase } from '../../src/persistence/database.ts'
import { createFactOutbox } from '../../src/persistence/fact-outbox.ts'

test('idle means that what was recorded before has been delivered, at whatever moment of the pump it was recorded', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-facts-'))
  const database = openDatabase(join(folder, 'signalbox.db'))
  try {
    const delivered: number[] = []
    const outbox = createFactOutbox({ database, now: Date.now, wake: () => pump.wake() })
    const pump = createFactPump({
      outbox,
      clock: realClock,
      deliver: async ({ seq }) => {
        await Promise.resolve()
        delivered.push(seq)
      },
      onProblem: ({ message }) => expect.fail(message),
    })
    // Each round meets the pump some microtasks further in its last look.
    for (let microtasks = 0; microtasks < 40; microtasks++) {
      pump.wake()
      for (let i = 0; i < microtasks; i++) await Promise.resolve()
      const seq = outbox.transaction(() => outbox.record('1', { type: 'x.happened', source: 'system', observedAt: 0 }))
      await pump.idle()
      expect({ microtasks, delivered: delivered.at(-1) }).toEqual({ microtasks, delivered: seq })
    }
    pump.stop()
  } finally {
    database.close()
    rmSync(folder, { recursive: true })
  }
})
