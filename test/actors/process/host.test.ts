// The process that starts all others: lost, abandoned, not needed any more.

import { execFile, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import { childEnvironment, runProcess, useProcessHost } from '../../../src/actors/process.ts'
import { eventually, isAlive, read, temporaryFolder } from '../repository.ts'

let release: (() => void) | undefined
afterEach(() => {
  release?.()
  release = undefined
})

const env = childEnvironment()
const pidIn = (path: string): number => Number(read(path).trim())
const parentOf = (pid: number): number => Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])
const hostOf = async (): Promise<number> => {
  const { stdout } = await runProcess({ command: 'echo $PPID', cwd: '/', env })
  return Number(stdout)
}

test('children are the children of a small process of its own, which all of them share', async () => {
  release = useProcessHost()
  const [one, other] = await Promise.all([hostOf(), hostOf()])
  expect(one).toBe(other)
  expect(parentOf(one)).toBe(process.pid)
  expect(readFileSync(`/proc/${one}/cmdline`, 'utf8')).toContain('signalbox-processes')
})

test('a host that is killed takes nothing with it unsaid: what it ran is ended and refused, and another takes its place', async () => {
  release = useProcessHost()
  const folder = temporaryFolder()
  const first = await hostOf()
  const started = Promise.withResolvers<unknown>()
  const running = runProcess({ command: `echo $$ > "${folder}/pid"; sleep 1200`, cwd: '/', env, onStart: started.resolve })
  const refused = running.then(
    () => null,
    (error: unknown) => error,
  )
  await started.promise
  await eventually(() => existsSync(join(folder, 'pid')) && pidIn(join(folder, 'pid')) > 0)
  process.kill(first, 'SIGKILL')
  expect(await refused).toMatchObject({ name: 'RetryableError', code: 'process-host-lost' })
  expect(isAlive(pidIn(join(folder, 'pid')))).toBe(false)
  expect(await hostOf()).not.toBe(first)
})

test('a host that hangs is replaced once the time of what it runs is long over', async () => {
  release = useProcessHost({ answerWait: 200 })
  const first = await hostOf()
  process.kill(first, 'SIGSTOP')
  const refused = runProcess({ command: 'true', cwd: '/', env, timeout: 1, grace: 1 })
  await expect(refused).rejects.toMatchObject({ code: 'process-host-lost' })
  expect(isAlive(first)).toBe(false)
})

test('it is gone when its last user is', async () => {
  const releases = [useProcessHost(), useProcessHost()]
  const pid = await hostOf()
  releases[0]!()
  releases[0]!()
  expect(await hostOf()).toBe(pid)
  releases[1]!()
  await eventually(() => !isAlive(pid))
  // Without it, processes are started from here.
  expect(await hostOf()).toBe(process.pid)
})

const script = (body: string): string[] => [
  '--input-type=module-typescript',
  '--eval',
  `import { childEnvironment, runProcess, useProcessHost } from '${join(process.cwd(), 'src/actors/process.ts')}'
   const env = childEnvironment()
   useProcessHost()
   ${body}`,
]

test('it keeps no program running that has nothing to wait for', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    script(`console.log((await runProcess({ command: 'echo done', cwd: '/', env })).stdout)`),
    { timeout: 20_000 },
  )
  expect(stdout).toContain('done')
})

test('when the one who asked is killed, everything that it had started ends, and the host with it', async () => {
  const folder = temporaryFolder()
  const owner = spawn(
    process.execPath,
    script(
      `await runProcess({ command: 'echo $PPID > "${folder}/host"; echo $$ > "${folder}/pid"; trap "" TERM; sleep 1201', cwd: '/', env, grace: 300 })`,
    ),
    { stdio: 'inherit' },
  )
  await eventually(() => existsSync(join(folder, 'pid')) && pidIn(join(folder, 'pid')) > 0)
  owner.kill('SIGKILL')
  await eventually(() => !isAlive(pidIn(join(folder, 'pid'))) && !isAlive(pidIn(join(folder, 'host'))))
})
