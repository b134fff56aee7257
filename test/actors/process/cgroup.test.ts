import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createCgroup, endCgroup, enterWords, ownCgroup } from '../../../src/actors/process/cgroup.ts'
import { isAlive, read, temporaryFolder } from '../repository.ts'

const own = ownCgroup()

/** A cgroup, and a script that is run in it. */
function inCgroup(script: string, memory = 2 ** 40) {
  const folder = temporaryFolder()
  const cgroup = createCgroup(crypto.randomUUID(), memory)!
  onTestFinished(() => endCgroup(cgroup.folder))
  const child = spawn('/bin/sh', ['-c', `${enterWords('"$1"')}; ${script}`, 'sh', cgroup.folder], {
    cwd: folder,
    stdio: 'ignore',
    detached: true,
  })
  return { cgroup, folder, child }
}

test.runIf(own)('it counts what nobody has waited for, and what has emptied its environment', async () => {
  const burn = `node -e "while (process.cpuUsage().user < 300e3); fs.writeFileSync('done', '')"`
  const { cgroup, folder, child } = inCgroup(`env -i PATH="$PATH" setsid ${burn} & exit`)
  await once(child, 'exit')
  await expect.poll(() => existsSync(join(folder, 'done')), { timeout: 60_000 }).toBe(true)
  expect(cgroup.consumption().cpu).toBeGreaterThan(290)
  expect(cgroup.isOverMemory()).toBe(false)
})

test.runIf(own)('what is in it, and what has been made below it, is gone when it ends', async () => {
  const { cgroup, folder, child } = inCgroup(`env -i PATH="$PATH" setsid sh -c "trap '' TERM; echo \\$\\$ > pid; sleep 60" & exit`)
  await once(child, 'exit')
  await expect.poll(() => existsSync(join(folder, 'pid')), { timeout: 60_000 }).toBe(true)
  mkdirSync(join(cgroup.folder, 'below'))
  const pid = Number(read(folder, 'pid'))
  expect(isAlive(pid)).toBe(true)
  await endCgroup(cgroup.folder)
  expect(isAlive(pid)).toBe(false)
  expect(existsSync(cgroup.folder)).toBe(false)
})

test.runIf(own?.memory)('the kernel holds it to its memory, and says how much it was', async () => {
  const fill = (bytes: number): string => `node -e "const held = Buffer.alloc(${bytes}, 1); setTimeout(() => held, 100)"`
  const small = inCgroup(fill(50e6), 400 * 2 ** 20)
  if (!small.cgroup.bounded) return // others are in this cgroup, so that it cannot hand the controller down
  await once(small.child, 'exit')
  expect(small.cgroup.consumption().memory).toBeGreaterThan(50e6)
  expect(small.cgroup.isOverMemory()).toBe(false)
  const large = inCgroup(`${fill(500e6)} & sleep 60`, 200 * 2 ** 20)
  await once(large.child, 'exit')
  expect(large.cgroup.isOverMemory()).toBe(true)
})

test('what is no cgroup of ours is left alone', async () => {
  const folder = temporaryFolder()
  const name = `signalbox-${crypto.randomUUID()}`
  for (const path of [join(folder, name), '/sys/fs/cgroup', join('/sys/fs/cgroup', name)]) {
    if (path.startsWith(folder)) mkdirSync(path)
    const before = existsSync(path)
    await endCgroup(path)
    expect(existsSync(path)).toBe(before)
  }
})

test('where none can be made a process stays where it is', async () => {
  for (const folder of ['', '/nowhere']) {
    const child = spawn('/bin/sh', ['-c', `${enterWords('"$1"')}; exit 3`, 'sh', folder], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', (chunk) => (said += chunk))
    expect(await once(child, 'close')).toEqual([3, null])
    expect(said).toBe('')
  }
})
