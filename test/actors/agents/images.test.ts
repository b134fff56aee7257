// Which of an issue's files are images that an agent can be shown.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findImages, largestImage, mostImages } from '../../../src/actors/agents/images.ts'
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
    images: ['image/png', 'image/jpeg', 'image/gif', 'image/webp'].map((mediaType, index) => ({ path: paths[index], mediaType })),
    leftOut: 0,
  })
})

test('as many and as large as agents take; the others are counted', async () => {
  const folder = temporaryFolder()
  const small = Array.from({ length: mostImages + 2 }, (_, n) => file(folder, `${n}.png`, starts.png))
  const limit = file(folder, 'limit.png', Buffer.concat([starts.png, Buffer.alloc(largestImage - starts.png.length)]))
  const large = file(folder, 'large.png', Buffer.concat([starts.png, Buffer.alloc(largestImage)]))
  const found = await findImages([large, limit, ...small])
  expect(found.images.map(({ path }) => path)).toEqual([limit, ...small.slice(0, mostImages - 1)])
  expect(found.leftOut).toBe(4)
})
