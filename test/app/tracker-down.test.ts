// A tracker that cannot be told anything holds no work up.

import { expect, test } from 'vitest'
import { createWorld, oneCommit } from '../server/world.ts'

test('an issue goes its way while the tracker refuses every word of it, and the tracker hears of it afterwards (cases 11, 206) (edge 134)', async () => {
  const { app, database, file, until, close } = await createWorld()
  const stateOf = (key: string): unknown => database.prepare('SELECT state FROM tracker_issue WHERE key = ?').pluck().get(key)
  try {
    database.exec(
      `CREATE TRIGGER down BEFORE UPDATE ON tracker_issue WHEN NEW.state_type = 'started' BEGIN SELECT RAISE(ABORT, 'the tracker is down'); END`,
    )
    const key = await file({}, oneCommit)
    await until(key, ({ pr }) => pr?.checks === 'passed')
    expect([stateOf(key), app.issue(key).run]).toEqual(['Todo', null])
    database.exec('DROP TRIGGER down')
    await expect.poll(() => stateOf(key), { timeout: 15_000 }).toBe('Pr open')
  } finally {
    await close()
  }
})
