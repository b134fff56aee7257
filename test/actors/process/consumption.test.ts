import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { watchBounds } from '../../../src/actors/agents/bounds.ts'
import { endMarked } from '../../../src/actors/process.ts'
import { consumptionOf, most, readTally, tallyWords } from '../../../src/actors/process/consumption.ts'
import { temporaryFolder, write } from '../repository.ts'

let marks = 0

/** A shell in a group of its own, with a mark that is ended with the test. */
function shell(script: string) {
  const folder = temporaryFolder()
  const value = `consumption-test-${process.pid}-${marks++}`
  onTestFinished(async () => void (await endMarked('SIGNALBOX_RUN', value, 0)))
  const env = { PATH: process.env['PATH'], SIGNALBOX_RUN: value }
  const child = spawn('/bin/sh', ['-c', script], { cwd: folder, detached: true, stdio: 'ignore', env })
  return { folder, child, counted: { group: child.pid!, mark: `SIGNALBOX_RUN=${value}` } }
}

const hog = (bytes: number): string =>
  `node -e "const held = Buffer.alloc(${bytes}, 1); fs.writeFileSync('ready', ''); setTimeout(() => held, 60e3)"`

test('what has left its group and whose parents have ended counts by its mark', async () => {
  const { folder, child, counted } = shell(`(setsid ${hog(100e6)} &); exit`)
  await once(child, 'exit')
  await expect.poll(() => existsSync(join(folder, 'ready')), { timeout: 60_000 }).toBe(true)
  expect(consumptionOf(counted).memory).toBeGreaterThan(100e6)
  expect(consumptionOf({ ...counted, mark: `${counted.mark}-other` })).toMatchObject({ processes: 0, memory: 0 })
})

test('its memory is held to the bound without a namespace and without a cgroup', async () => {
  const { folder, counted } = shell(`(setsid ${hog(150e6)} &); sleep 60`)
  const bounds = { memory: 100 * 2 ** 20, cpu: null, file: null, free: 0 }
  const { promise, resolve } = Promise.withResolvers<void>()
  const watch = watchBounds({ ...counted, cgroup: null }, folder, bounds, 100, resolve)
  onTestFinished(watch.stop)
  await promise
  expect(watch.exceeded()).toMatchObject({ code: 'memory-exceeded', message: expect.stringContaining('100 MiB') })
})

test('what has ended and was waited for is written down', async () => {
  const { folder, child } = shell(
    `node -e "while (process.cpuUsage().user < 300e3); fs.writeFileSync('big', Buffer.alloc(2e6))"; ${tallyWords('tally')}`,
  )
  await once(child, 'exit')
  const { cpu, disk } = readTally(join(folder, 'tally'))
  expect(cpu).toBeGreaterThan(290)
  if (statfsSync(folder).type !== 0x01021994) expect(disk).toBeGreaterThanOrEqual(2e6)
})

test('the words of other shells and languages are understood, and nonsense is nothing', () => {
  const folder = temporaryFolder()
  const tallyOf = (text: string) => {
    write(folder, { tally: text })
    return readTally(join(folder, 'tally'))
  }
  expect(tallyOf('0m0.00s 0m0.00s\n1m2.50s 0m0.25s\n')).toEqual({ cpu: 62_750 })
  expect(tallyOf('0m0,003s 0m0,001s\n0m1,500s 0m0,500s\nwrite_bytes: 10\ncancelled_write_bytes: 4\n')).toEqual({ cpu: 2_000, disk: 6 })
  expect(tallyOf('write_bytes: 10')).toEqual({})
  expect(readTally(join(folder, 'missing'))).toEqual({})
})

test('the more of two looks stays, and what is not known is no zero', () => {
  const one = { processes: 2, memory: 10, cpu: 5 }
  expect(most(one, { memory: 4, cpu: 6 })).toEqual({ processes: 2, memory: 10, cpu: 6 })
  expect(most(one, { disk: 3 })).toEqual({ ...one, disk: 3 })
})
