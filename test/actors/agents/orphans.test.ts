import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createProcessRecords, endOrphans } from '../../../src/actors/agents/orphans.ts'
import { identityOf } from '../../../src/actors/process.ts'
import { ownCgroup } from '../../../src/actors/process/cgroup.ts'
import { eventually, isAlive, makeRepository, read, temporaryFolder, write } from '../repository.ts'

/** A process that sleeps, ended with the test. */
function sleeper(env: Record<string, string> = {}) {
  const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore', env: { PATH: process.env['PATH'], ...env } })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return identityOf(child.pid!)!
}

test('the agent of an owner that was killed is ended by the next one, also what left with setsid', async () => {
  const data = temporaryFolder()
  const worktree = makeRepository(join(data, 'worktree'))
  const command =
    'setsid sh -c "echo \\$\\$ > far; exec sleep 60" & echo $PPID > leader; sleep 60 & echo $! > near; while [ ! -s far ]; do sleep 0.01; done; echo ready; wait'
  const owner = spawn(process.execPath, [join(import.meta.dirname, 'owner.ts'), data, worktree, command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise((resolve) => owner.stdout.once('data', resolve))
  owner.kill('SIGKILL')
  await new Promise((resolve) => owner.once('exit', resolve))
  const [leader, near, far] = ['leader', 'near', 'far'].map((file) => Number(read(worktree, file)))
  expect([leader, near, far].map((pid) => isAlive(pid!))).toEqual([true, true, true])
  const [record] = readdirSync(join(data, 'processes'))
  const { cgroup } = JSON.parse(read(data, `processes/${record}`)) as { cgroup?: string }
  if (ownCgroup() !== null) expect(read(cgroup!, 'cgroup.procs').split('\n')).toContain(String(far))

  const ended = await endOrphans(data)
  expect(ended.groups).toEqual([{ pid: leader, group: leader, startTime: expect.any(String), what: 'app/APP-1 run-1' }])
  expect(ended.marked).toBe(1)
  expect([leader, near, far].map((pid) => isAlive(pid!))).toEqual([false, false, false])
  expect(readdirSync(join(data, 'processes'))).toEqual([])
  if (cgroup !== undefined) expect(existsSync(cgroup)).toBe(false)
  expect(await endOrphans(data)).toEqual({ groups: [], marked: 0 })
})

test('a record whose process number has been given to another is dropped, and the other lives', async () => {
  const data = temporaryFolder()
  const stranger = sleeper()
  const records = createProcessRecords(data)
  records.add({ ...stranger, startTime: String(Number(stranger.startTime) - 1) }, 'app/APP-1 run-1')
  records.add({ pid: 4_194_000, group: 4_194_000, startTime: '1' }, 'app/APP-2 run-1')
  expect(await endOrphans(data)).toEqual({ groups: [], marked: 0 })
  expect(isAlive(stranger.pid)).toBe(true)
  expect(readdirSync(join(data, 'processes'))).toEqual([])
})

test('a record of an earlier boot of the machine is dropped', async () => {
  const data = temporaryFolder()
  const stranger = sleeper()
  write(join(data, 'processes'), { 'old.json': JSON.stringify({ ...stranger, boot: 'another', what: 'x' }) })
  expect(await endOrphans(data)).toEqual({ groups: [], marked: 0 })
  expect(isAlive(stranger.pid)).toBe(true)
})

test('records that are half written or nonsense are dropped', async () => {
  const data = temporaryFolder()
  write(join(data, 'processes'), {
    'a.json': '{"pid": 1',
    'b.json.new': '',
    'c.json': '{"pid":1,"group":1,"startTime":"0","boot":"","what":"x"}',
  })
  expect(await endOrphans(data)).toEqual({ groups: [], marked: 0 })
  expect(readdirSync(join(data, 'processes'))).toEqual([])
})

test('a process without a record is found by the mark of its data folder, by whatever path it is reached', async () => {
  const data = temporaryFolder()
  const other = temporaryFolder()
  const alias = join(other, 'alias')
  symlinkSync(data, alias)
  const ours = sleeper(createProcessRecords(alias).environment)
  const theirs = sleeper(createProcessRecords(other).environment)
  expect(await endOrphans(data)).toEqual({ groups: [], marked: 1 })
  await eventually(() => !isAlive(ours.pid))
  expect(isAlive(theirs.pid)).toBe(true)
})

test('a data folder where nothing ever ran has no orphans', async () => {
  const data = temporaryFolder()
  expect(await endOrphans(data)).toEqual({ groups: [], marked: 0 })
  expect(await endOrphans(join(data, 'nonesuch'))).toEqual({ groups: [], marked: 0 })
  expect(readdirSync(data)).toEqual([])
})

test('a record is on disk as soon as it is added, and gone when it is taken back', () => {
  const data = temporaryFolder()
  mkdirSync(join(data, 'processes'))
  const remove = createProcessRecords(data).add({ pid: 7, group: 7, startTime: '123' }, 'app/APP-1 run-1')
  expect(JSON.parse(read(data, 'processes/7-123.json'))).toMatchObject({ pid: 7, group: 7, startTime: '123', what: 'app/APP-1 run-1' })
  remove()
  remove()
  expect(existsSync(join(data, 'processes/7-123.json'))).toBe(false)
})
