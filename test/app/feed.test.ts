// What people were told is in the database, from the first start of a new one on.

import { expect, test } from 'vitest'
import { openReader } from '../../src/app.ts'
import { createPlace } from './app.ts'

test('F23: what people were told is read without the server, and by the next one (edge 378)', async () => {
  const place = await createPlace()
  const first = await place.open()
  const { key } = await first.submit({ title: 'Held', hold: true })
  await first.act(key, { action: 'close', as: 'failed' })
  const told = () => first.feed().map(({ issue, kind, status }) => [issue, kind, status])
  await expect.poll(told).toContainEqual([key, 'phase', 'failed'])
  const before = first.feed()
  await first.stop()
  const reader = openReader(place.config())
  expect(reader.feed()).toEqual(before)
  reader.close()
  expect((await place.open()).feed()).toEqual(before)
})
