import { expect, test } from 'vitest'
import { createPlace } from './app.ts'

test('a changed configuration reaches the issues of its project at the next start, and an unchanged one touches none', async () => {
  const place = await createPlace()
  const first = await place.open(place.config({ budgets: { implementation: 3 } }))
  const { key } = await first.submit({ title: 'Held', hold: true })
  expect(first.issue(key).budgets['implementation']).toEqual({ used: 0, limit: 3 })
  await first.stop()

  const second = await place.open(place.config({ budgets: { implementation: 7 } }))
  const changed = second.issue(key)
  expect(changed.budgets['implementation']).toEqual({ used: 0, limit: 7 })
  await second.stop()

  const third = await place.open(place.config({ budgets: { implementation: 7 } }))
  expect(third.issue(key).version).toBe(changed.version)
  expect(third.timeline(key).filter(({ event }) => event.type === 'policy.changed').length).toBe(1)
})
