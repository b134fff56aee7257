import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { createFactOutbox } from '../../src/persistence/fact-outbox.ts'
import { factSchema } from '../../src/persistence/fact-schema.ts'

function create() {
  const database = new Database(':memory:')
  database.exec(factSchema)
  const wakes: boolean[] = []
  const outbox = createFactOutbox({ database, now: () => 50, wake: () => wakes.push(database.inTransaction) })
  const fact = (observedAt: number) => ({ type: 'pr.opened', source: 'self', observedAt }) as const
  return { database, outbox, wakes, fact }
}

test('facts are owed in order until they are delivered', () => {
  const { outbox, wakes, fact } = create()
  outbox.transaction(() => [outbox.record('a', fact(1)), outbox.record('b', fact(2))])
  expect(outbox.undelivered()).toEqual([
    { seq: 1, issue: 'a', event: fact(1), createdAt: 50 },
    { seq: 2, issue: 'b', event: fact(2), createdAt: 50 },
  ])
  expect(outbox.undelivered(1)).toHaveLength(1)
  outbox.markDelivered([1])
  expect([outbox.isDelivered(1), outbox.isDelivered(2)]).toEqual([true, false])
  expect(outbox.undelivered().map(({ seq }) => seq)).toEqual([2])
  expect(wakes).toEqual([false])
})

test('a transaction without facts wakes nobody, and a fact outside of one is refused', () => {
  const { outbox, wakes, fact } = create()
  expect(outbox.transaction(() => 7)).toBe(7)
  expect(() => outbox.record('a', fact(1))).toThrow('outside of a transaction')
  expect(wakes).toEqual([])
})

test('the number of a fact is never used again, also when it was forgotten', () => {
  const { outbox, fact } = create()
  outbox.transaction(() => outbox.record('a', fact(1)))
  outbox.markDelivered([1])
  expect(outbox.prune(50)).toBe(0)
  expect(outbox.prune(51)).toBe(1)
  expect(outbox.transaction(() => outbox.record('a', fact(2)))).toBe(2)
})
