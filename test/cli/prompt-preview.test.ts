// prompt-preview as people run it: without a server, and what it says where there is nothing to be told.

import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApp } from '../../src/app.ts'
import { loadConfig, readEnvironment } from '../../src/config.ts'
import { createHome } from './program.ts'

const home = createHome()
const git = (...args: string[]) => execFileSync('git', args, { cwd: home.folder, env: home.variables })

beforeAll(async () => {
  const file = home.writeConfig()
  git('init', '--quiet', '--initial-branch=trunk')
  git('add', '--all')
  git('-c', 'user.name=U', '-c', 'user.email=u@localhost', 'commit', '--quiet', '-m', 'start')
  const app = await createApp(loadConfig({ cwd: home.folder, environment: readEnvironment(home.variables), file }))
  await app.submit({ title: 'Say which file', body: 'Esc \u001b[31mred', hold: true })
  const { key } = await app.submit({ title: 'Not any more', hold: true })
  await app.act(key, { action: 'cancel' })
  for (let tries = 0; tries < 200 && app.issue(key).phase !== 'failed'; tries++)
    await new Promise((resolve) => void setTimeout(resolve, 25))
  await app.stop()
})
afterAll(() => home.remove())

test('prints the prompt and nothing else, as a document with --json, and writes nothing', async () => {
  // Beside the database are the files by which SQLite reads it.
  const files = () =>
    readdirSync(home.data, { recursive: true })
      .filter((name) => !/-(shm|wal)$/.test(String(name)))
      .sort()
  const before = files()
  const { code, stdout, stderr } = await home.run(['prompt-preview', 'app-1'])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^# APP-1: Say which file\n\nImplement this issue/)
  expect(stdout).toContain('Esc red')
  expect(stdout.endsWith('\n')).toBe(true)
  const json = await home.run(['prompt-preview', 'APP-1', '--json'])
  expect(JSON.parse(json.stdout)).toMatchObject({
    key: 'APP-1',
    runId: 'run-1',
    runType: 'implementation',
    prompt: stdout,
    reason: null,
    images: [],
  })
  expect(files()).toEqual(before)
})

test('says so where there is nothing to be told', async () => {
  const over = await home.run(['prompt-preview', 'APP-2', '--run-type', 'implementation'])
  expect([over.code, over.stdout]).toEqual([0, 'APP-2 is failed: no run begins any more, and nothing is sent to an agent.\n'])
  const early = await home.run(['prompt-preview', 'APP-1', '--run-type', 'review_fix'])
  expect(early.stdout).toContain('has no open pull request')
  expect(JSON.parse((await home.run(['prompt-preview', 'APP-2', '--json'])).stdout)).toMatchObject({ prompt: null, runType: null })
})

test('an unknown type of run is wrong use and lists what there is, an unknown issue fails', async () => {
  const type = await home.run(['prompt-preview', 'APP-1', '--run-type', 'polish'])
  expect([type.code, type.stdout]).toEqual([2, ''])
  expect(type.stderr).toContain('--run-type must be one of implementation, review_fix, ci_repair, queue_repair, branch_upkeep, review')
  const key = await home.run(['prompt-preview', 'APP-9'])
  expect([key.code, key.stdout]).toEqual([1, ''])
  expect((await home.run(['prompt-preview'])).code).toBe(2)
})

test('a configuration whose project is gone says which', async () => {
  home.writeConfig({ projects: [{ id: 'other', repo: '.' }] })
  const { code, stderr } = await home.run(['prompt-preview', 'APP-1'])
  expect([code, stderr]).toEqual([1, expect.stringContaining("no project 'app'")])
})
