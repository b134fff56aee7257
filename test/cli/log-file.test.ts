// The log file: private, rotated by size, old files removed, and never a reason to stop.

import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openLogFile } from '../../src/cli/log-file.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-log-'))
  file = join(folder, 'log.jsonl')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('lines are appended, for this user alone', () => {
  writeFileSync(file, 'before\n', { mode: 0o600 })
  const log = openLogFile(folder, { retention: 1_000 })
  log.write('one\n')
  log.close()
  expect(readFileSync(file, 'utf8')).toBe('before\none\n')
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('a full file is rotated, and only so many are kept', () => {
  const log = openLogFile(folder, { retention: 60_000, limit: 10, keep: 2 })
  for (const line of ['aaaaaaa\n', 'bbbbbbb\n', 'ccccccc\n', 'ddddddd\n']) log.write(line)
  log.close()
  expect([file, `${file}.1`, `${file}.2`].map((path) => readFileSync(path, 'utf8'))).toEqual(['ddddddd\n', 'ccccccc\n', 'bbbbbbb\n'])
  expect(existsSync(`${file}.3`)).toBe(false)
})

test('rotated files older than the retention are removed', () => {
  writeFileSync(`${file}.1`, 'new')
  writeFileSync(`${file}.2`, 'old')
  utimesSync(`${file}.2`, 1, 1)
  openLogFile(folder, { retention: 60_000 }).close()
  expect(existsSync(`${file}.1`)).toBe(true)
  expect(existsSync(`${file}.2`)).toBe(false)
})

test('a line that cannot be written is lost, and nothing else', () => {
  const log = openLogFile(folder, { retention: 1_000 })
  log.close()
  expect(() => log.write('after the end\n')).not.toThrow()
})
