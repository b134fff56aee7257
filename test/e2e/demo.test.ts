// `signalbox demo` as a person or a script runs it: its issues end as described, also when the server keeps dying.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { git } from '../../src/actors/git.ts'
import type { IssueDocument } from '../../src/app.ts'
import { landingsIn, signalbox } from '../../src/cli/demo/checks.ts'
import { processesMarked } from '../../src/cli/demo/marked.ts'
import { placesIn } from '../../src/cli/demo/project.ts'
import { tasks, taskTitled, type TaskName } from '../../src/cli/demo/tasks.ts'

const program = resolve(import.meta.dirname, '../../bin/signalbox.js')
const isNightly = Boolean(process.env['SIGNALBOX_NIGHTLY'])

let folder: string

beforeEach(async () => {
  folder = join(await realpath(await mkdtemp(join(tmpdir(), 'signalbox-demo-test-'))), 'demo')
})

afterEach(async () => {
  await rm(resolve(folder, '..'), { recursive: true, force: true })
})

interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

async function demo(words: string[], during?: (child: ReturnType<typeof spawn>) => Promise<void>): Promise<Ran> {
  const child = spawn(process.execPath, [program, 'demo', '--dir', folder, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  const output = Promise.all([text(child.stdout), text(child.stderr)])
  const ended = once(child, 'exit') as Promise<[number | null]>
  await during?.(child)
  const [code] = await ended
  const [stdout, stderr] = await output
  return { code, stdout, stderr }
}

/** The ids of servers that run with this demo's configuration. */
async function serversLeft(): Promise<string[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(ids.map(async (id) => await readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')))
  return ids.filter((_, index) => lines[index]!.includes(`${folder}/signalbox.config.json`))
}

/** The landed content of every demo so far: the same, whatever the seed and however often the server was killed. */
const trees = new Set<string>()

async function expectDescribedEnd(ran: { exitCode: number | null; stdout: string; stderr: string }): Promise<void> {
  expect(ran.exitCode, `${ran.stderr}\n${ran.stdout}`).toBe(0)
  const { issues } = JSON.parse(ran.stdout) as { issues: IssueDocument[] }
  const named = new Map(issues.map((issue) => [taskTitled(issue.title)?.name, issue]))
  expect([...named.keys()].toSorted()).toEqual(tasks.map(({ name }) => name).toSorted())
  for (const { name, ends, runs } of tasks) {
    const { phase, attempts } = named.get(name)!
    expect([name, phase]).toEqual([name, ends === 'asked' ? 'awaiting_input' : 'done'])
    for (const type of runs) expect([name, type, attempts[type]]).toEqual([name, type, 1])
  }
  expect(named.get('impossible')!.question).toContain('Which registry')
  const { stdout: tree } = await git(['rev-parse', 'main^{tree}'], { cwd: join(folder, 'project') })
  trees.add(tree)
  expect(trees.size).toBe(1)
  const landings = await landingsIn(join(folder, 'project'))
  const keyOf = (name: TaskName): string => named.get(name)!.key
  const expected = tasks.flatMap(({ name, landings: count }) => Array.from({ length: count }, () => keyOf(name)))
  expect(landings.map(({ key }) => key).toSorted()).toEqual(expected.toSorted())
  const placeOf = (name: TaskName): number => landings.findIndex(({ key }) => key === keyOf(name))
  expect(placeOf('plain')).toBeLessThan(placeOf('conflicting'))
  expect(placeOf('plain')).toBeLessThan(placeOf('clashing'))
  expect(placeOf('plain')).toBeLessThan(placeOf('blocked'))
  expect(placeOf('lower')).toBeLessThan(placeOf('upper'))
  expect(await serversLeft()).toEqual([])
  expect(processesMarked(join(folder, 'state'))).toEqual([])
}

describe('signalbox demo', () => {
  it(
    'carries its issues to their ends, and tells a person what happened, where it is and what to type next',
    { timeout: 180_000 },
    async () => {
      const { code, stdout, stderr } = await demo(['--seed', '1'])
      expect({ code, stderr }).toMatchObject({ code: 0 })
      await expectDescribedEnd(await signalbox(placesIn(folder), 'status', '--json'))
      expect(stdout).toMatch(/\* +[0-9a-f]+ (\(.*\) )?Merge #\d+: /)
      for (const word of [
        'DEMO-6 asks: Which registry',
        `${folder}/state/signalbox.db`,
        `status --config ${folder}/signalbox.config.json`,
      ]) {
        expect(stdout).toContain(word)
      }
      expect(stderr).toContain('DEMO-1  Add slugify to the text module: landed as #')
      const { stdout: status } = await git(['status', '--porcelain'], { cwd: join(folder, 'project') })
      expect(status).toBe('')
    },
  )

  const kills = isNightly ? 10 : 3
  it.each(isNightly ? [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] : [1, 2])(
    `ends the same when the server is killed ${kills} times (seed %i)`,
    { timeout: 330_000 },
    async (seed) => {
      const ran = await demo(['--json', '--kill', String(kills), '--seed', String(seed)])
      await expectDescribedEnd({ ...ran, exitCode: ran.code })
      expect(ran.stderr).toContain(`Killed the server (${kills} of ${kills})`)
    },
  )

  it('leaves no server and no agent behind when a person interrupts it', { timeout: 60_000 }, async () => {
    const ran = await demo(['--seed', '3'], async (child) => {
      await expect.poll(async () => (await serversLeft()).length, { timeout: 20_000 }).toBeGreaterThan(0)
      await expect.poll(() => processesMarked(join(folder, 'state')).length, { timeout: 20_000, interval: 10 }).toBeGreaterThan(0)
      child.kill('SIGINT')
    })
    expect(ran.code).toBe(130)
    expect(ran.stderr).toContain(`what was made is in ${folder}`)
    expect(await serversLeft()).toEqual([])
    await expect.poll(() => processesMarked(join(folder, 'state'))).toEqual([])
    expect(await readFile(join(folder, 'signalbox.config.json'), 'utf8')).toContain('"demo"')
  })

  it('leaves no server behind when it is killed itself', { timeout: 60_000 }, async () => {
    await demo(['--seed', '4'], async (child) => {
      await expect.poll(async () => (await serversLeft()).length, { timeout: 20_000 }).toBeGreaterThan(0)
      child.kill('SIGKILL')
    })
    await expect.poll(serversLeft, { timeout: 5_000 }).toEqual([])
  })

  it('refuses a folder with something in it, and numbers that are none', async () => {
    const there = resolve(folder, '..')
    const refused = await demo(['--dir', resolve(import.meta.dirname)])
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toContain('is not empty')
    expect((await demo(['--dir', there, '--kill', 'often'])).stderr).toContain('--kill must be a whole number')
  })
})
