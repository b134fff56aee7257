// Which of an issue's files are images that an agent can be shown.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findImages, largestImage, largestSum, mostImages } from '../../../src/actors/agents/images.ts'
import { temporaryFolder } from '../repository.ts'

const starts = {
  png: Buffer.from('89504e470d0a1a0a', 'hex'),
  jpg: Buffer.from('ffd8ffe0', 'hex'),
  gif: Buffer.from('GIF89a'),
  webp: Buffer.from('RIFF\0\0\0\0WEBPVP8 '),
}

function file(folder: string, name: string, bytes: Buffer): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

test('of four kinds, known by what is in them', async () => {
  const folder = temporaryFolder()
  const paths = Object.entries(starts).map(([kind, bytes]) => file(folder, `${kind}.bin`, bytes))
  const others = [
    file(folder, 'a.svg', Buffer.from('<svg/>')),
    file(folder, 'b.png', Buffer.from('<html>')),
    file(folder, 'empty.png', Buffer.alloc(0)),
  ]
  expect(await findImages([...others, ...paths, join(folder, 'gone.png')])).toEqual({
    images: ['image/png', 'image/jpeg', 'image/gif', 'image/webp'].map((mediaType, index) => ({
      ...{ path: paths[index], mediaType },
      size: Object.values(starts)[index]!.length,
    })),
    before: 0,
    leftOut: 0,
  })
})

/** An image of this size. */
const sized = (folder: string, name: string, bytes: number): string =>
  file(folder, name, Buffer.concat([starts.png, Buffer.alloc(bytes - starts.png.length)]))

test('as many and as large as agents take; the others are counted', async () => {
  const folder = temporaryFolder()
  const small = Array.from({ length: mostImages + 2 }, (_, n) => file(folder, `${n}.png`, starts.png))
  const limit = sized(folder, 'limit.png', largestImage)
  const large = sized(folder, 'large.png', largestImage + 1)
  const found = await findImages([large, limit, ...small])
  expect(found.images.map(({ path }) => path)).toEqual([limit, ...small.slice(0, mostImages - 1)])
  expect(found.leftOut).toBe(4)
})

test('the largest one is the largest that is 5 MiB as base64, which is what providers look at', async () => {
  const folder = temporaryFolder()
  expect(await findImages([sized(folder, 'a.png', 3.75 * 2 ** 20)])).toMatchObject({ images: [{}], leftOut: 0 })
  expect(Buffer.alloc(3.75 * 2 ** 20).toString('base64')).toHaveLength(5_242_880)
  expect(await findImages([sized(folder, 'b.png', 3.75 * 2 ** 20 + 1)])).toMatchObject({ images: [], leftOut: 1 })
})

test('all of them together are no larger than a request may be', async () => {
  const folder = temporaryFolder()
  const paths = Array.from({ length: 10 }, (_, n) => sized(folder, `${n}.png`, 3_000_000))
  const found = await findImages([...paths, sized(folder, 'small.png', 100)])
  expect(found.images.map(({ path }) => path)).toEqual([...paths.slice(0, 6), join(folder, 'small.png')])
  expect(found.leftOut).toBe(4)
  expect(found.images.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(largestSum)
})

test('what a conversation has been shown already takes its place, and is known in whatever folder it is', async () => {
  const folder = temporaryFolder()
  const old = file(folder, 'old.png', starts.png)
  const small = Array.from({ length: mostImages }, (_, n) => file(folder, `${n}.png`, starts.png))
  const shown = [{ name: 'old.png', size: 3_000_000 }]
  const found = await findImages([small[0]!, old, ...small.slice(1)], shown)
  expect(found.images.map(({ path }) => path)).toEqual(small.slice(0, mostImages - 1))
  expect([found.before, found.leftOut]).toEqual([1, 1])
  const large = Array.from({ length: 6 }, (_, n) => sized(folder, `large-${n}.png`, 3_000_000))
  expect((await findImages(large, shown)).images).toHaveLength(5)
  expect(await findImages([old, ...small], shown, false)).toEqual({ images: [], before: 1, leftOut: mostImages })
})
