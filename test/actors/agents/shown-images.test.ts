// What is known of the images that conversations have been shown.

import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { addShown, readShown } from '../../../src/actors/agents/shown-images.ts'
import { temporaryFolder } from '../repository.ts'

const image = (name: string) => ({ path: `/runs/run-1-attachments/${name}`, mediaType: 'image/png', size: 9 })
const names = (file: string, thread: string | null): string[] => readShown(file, thread).map(({ name }) => name)

test('each thread has its own; one that goes on has what it had, and a copy has what there was', () => {
  const file = join(temporaryFolder(), 'APP-1', 'shown-images.json')
  expect([readShown(file, 'a'), readShown(file, null)]).toEqual([[], []])
  addShown(file, { thread: null, images: [image('1.png'), image('2.png')] }, 'a')
  addShown(file, { thread: 'a', images: [image('3.png')] }, 'a')
  addShown(file, { thread: 'a', images: [image('4.png')] }, 'copy')
  addShown(file, { thread: null, images: [image('1.png')] }, 'afresh')
  expect(readShown(file, 'a')[0]).toEqual({ name: '1.png', size: 9 })
  expect(names(file, 'a')).toEqual(['1.png', '2.png', '3.png'])
  expect(names(file, 'copy')).toEqual(['1.png', '2.png', '3.png', '4.png'])
  expect(names(file, 'afresh')).toEqual(['1.png'])
  expect(names(file, null)).toEqual([])
})

test('an issue without images has no such file, and of one that cannot be read nothing is known', () => {
  const folder = temporaryFolder()
  const file = join(folder, 'shown-images.json')
  addShown(file, { thread: null, images: [] }, 'a')
  expect(existsSync(file)).toBe(false)
  for (const text of ['', '{', '{"a":1}']) {
    writeFileSync(file, text)
    expect(readShown(file, 'a')).toEqual([])
  }
  addShown(file, { thread: 'a', images: [image('1.png')] }, 'a')
  expect(names(file, 'a')).toEqual(['1.png'])
  expect(readdirSync(folder)).toEqual(['shown-images.json'])
})
