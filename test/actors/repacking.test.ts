import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { repackWhenDue } from '../../src/actors/repacking.ts'

const folder = mkdtempSync(join(tmpdir(), 'signalbox-repacking-'))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const git = (...args: string[]) => execFileSync('git', args, { cwd: folder, encoding: 'utf8' }).trim()
const counts = () => {
  const [, count, packed] = /count: (\d+)[^]*in-pack: (\d+)/.exec(git('count-objects', '-v'))!
  return { loose: Number(count), packed: Number(packed) }
}

test('a repository with many loose objects is packed, without losing what nothing refers to', async () => {
  git('init', '--bare', '--quiet', '--template=', '.')
  expect(await repackWhenDue(folder)).toBe(false)
  const script = Array.from({ length: 1_500 }, (_, n) => `blob\ndata ${String(n).length}\n${n}\n`).join('')
  execFileSync('git', ['-c', 'fastimport.unpackLimit=100000', 'fast-import', '--quiet'], { cwd: folder, input: script })
  const loose = counts().loose
  expect(loose).toBe(1_500)
  const orphan = execFileSync('git', ['hash-object', '-w', '--stdin'], { cwd: folder, input: 'unpublished' }).toString().trim()

  expect(await repackWhenDue(folder)).toBe(false) // not so many yet
  expect(counts().loose).toBe(loose + 1)
  expect(await repackWhenDue(folder, { many: 500 })).toBe(true)
  expect(counts()).toEqual({ loose: 0, packed: loose + 1 })
  expect(git('cat-file', '-p', orphan)).toBe('unpublished')
  expect(await repackWhenDue(folder, { many: 500 })).toBe(false)
})

test('where there is no repository nothing is done', async () => {
  expect(await repackWhenDue(join(folder, 'missing'))).toBe(false)
})
