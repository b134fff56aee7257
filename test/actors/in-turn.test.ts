import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createInTurn } from '../../src/actors/in-turn.ts'

test('works of one name follow each other, whatever becomes of the one before; another name waits for none of them', async () => {
  const inTurn = createInTurn()
  const gate = Promise.withResolvers<void>()
  const done: string[] = []
  const first = inTurn('a', async () => {
    await gate.promise
    done.push('first')
    throw new Error('The first went wrong.')
  })
  const second = inTurn('a', async () => done.push('second'))
  await inTurn('b', async () => done.push('another'))
  expect(done).toEqual(['another'])
  gate.resolve()
  await expect(first).rejects.toThrow('The first went wrong.')
  await second
  expect(done).toEqual(['another', 'first', 'second'])
})

test('a work that begins while the one before is ending still waits for it', async () => {
  const inTurn = createInTurn()
  let running = 0
  let most = 0
  const work = async () => {
    most = Math.max(most, (running += 1))
    await new Promise((resolve) => setImmediate(resolve))
    running -= 1
  }
  const chain = async () => {
    for (let i = 0; i < 5; i += 1) await inTurn('a', work)
  }
  await Promise.all([chain(), chain(), chain()])
  expect(most).toBe(1)
})

test('it is written once', () => {
  const root = join(import.meta.dirname, '../../src')
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
  const line = /\?\? Promise\.resolve\(\)\)\s*\.then\(|= \w+\.then\(work\)/
  expect(files.filter((path) => line.test(readFileSync(join(root, path), 'utf8')))).toEqual(['actors/in-turn.ts'])
})
