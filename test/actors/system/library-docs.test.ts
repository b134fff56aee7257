// docs/library.md is true: every code in it exists and is tested, every code that exists is in it, and its example is the example.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as library from '../../../src/actors/system/index.ts'

const root = join(import.meta.dirname, '../../..')
const text = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8')
const all = (folder: string): string =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => text(folder, name))
    .join('\n')

const docs = text('docs/library.md')
const source =
  all('src/actors/system') +
  ['database', 'ownership', 'sqlite-store', 'memory-store', 'store'].map((name) => text('src/persistence', `${name}.ts`)).join('\n')
const tests = all('test/actors/system') + all('test/persistence')

const refused = [...docs.split('## What is refused')[1]!.matchAll(/^\| `([a-z-]+)` \|/gm)].map((match) => match[1]!)
const told = [...docs.split('Parents see these codes')[1]!.matchAll(/`([a-z]+(?:-[a-z]+)*)`/g)]
  .map((match) => match[1]!)
  .filter((code) => code !== 'code')
const inSource = new Set([...source.matchAll(/(?:Error\(\s*|super\(\s*|code: )'([a-z]+(?:-[a-z]+)*)'/g)].map((match) => match[1]!))

test('every code that is documented exists in the source and is tested by name', () => {
  expect(refused.length).toBeGreaterThan(30)
  expect(told).toContain('interrupted')
  const documented = [...refused, ...told]
  expect(documented.filter((code) => !inSource.has(code))).toEqual([])
  // XState itself keeps what a disposal throws: this is the net below it.
  const untestable = new Set(['effect-dispose-failed'])
  expect(
    documented.filter((code) => !untestable.has(code) && !tests.includes(`'${code}'`) && !new RegExp(`\\b${code}\\b['" ]`).test(tests)),
  ).toEqual([])
})

test('every code of the source is documented', () => {
  expect([...inSource].filter((code) => !refused.includes(code) && !told.includes(code))).toEqual([])
})

test('the example in the docs is the example that is tested', () => {
  const example = /<!-- example -->\s*```ts\n([^]*?)```/.exec(docs)![1]
  expect(example).toBe(text('examples/durable-actor.ts'))
  expect(example!.trimEnd().split('\n').length).toBeLessThanOrEqual(36)
})

test('what the docs call by name is exported', () => {
  const names = Object.keys(library)
  for (const name of ['createSystem', 'defineActor', 'verify', 'replay', 'virtualClock', 'seededRandom', 'realClock'])
    expect(names).toContain(name)
  for (const law of Array.from({ length: 15 }, (_, i) => i + 1)) expect(tests).toContain(`law ${law}: `)
})
