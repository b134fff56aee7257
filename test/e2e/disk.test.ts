// Disks that are full or cannot be written, and clocks that go back: nothing that was acknowledged is lost, nothing is half done,
// and what stops says why.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createApp } from '../../src/app.ts'
import { realClock, type Clock } from '../../src/actors/system/index.ts'
import { loadConfig, readEnvironment } from '../../src/config.ts'
import { canMount, createWorld, isAlive, mount, plainWork, until, type World } from './harness.ts'

const mayMount = canMount()
if (!mayMount) console.warn('Skipped: full and read-only disks are tried on file systems that this user may not mount.')

let world: World

afterEach(async () => {
  await world.close()
})

/** Takes all the space that is left. */
function fill(path: string): void {
  let size = 1 << 20
  let written = ''
  while (size >= 1) {
    try {
      writeFileSync(path, 'x'.repeat(size), { flag: 'a' })
      written += size
    } catch {
      size >>= 1
    }
  }
  void written
}

describe.runIf(mayMount)('a disk that is full', () => {
  it('stops the server with a clear message and ends its agents; after space is freed a restart goes on', async () => {
    world = createWorld({ disk: '24m' })
    const server = await world.start()
    const key = await world.submit(`touch "$WORLD/working"
while [ ! -e "$WORLD/go" ]; do echo working $(date +%s%N); sleep 0.05; done
${plainWork}`)
    await until(() => existsSync(join(world.folder, 'working')), { what: 'the agent to work' })
    fill(join(world.disk, 'filler'))
    // Whatever must be committed now cannot be.
    const refused = await world.ask('/api/issues', { method: 'POST', body: JSON.stringify({ title: 'No room', hold: true }) }).catch(String)
    if (typeof refused !== 'string') {
      expect(refused.status).toBeGreaterThanOrEqual(500)
      expect(JSON.stringify(refused.body)).toMatch(/disk|space|full|stopped/i)
    }
    await until(
      async () => {
        await world.act(key, { action: 'comment', text: 'x'.repeat(20_000) }).catch(() => {})
        return server.printed().includes('cannot') || server.printed().includes('could not')
      },
      { what: 'the server to say that it stops', saw: server.printed, patience: 30_000 },
    )
    expect(await server.ended).toBe('1')
    expect(server.printed()).toMatch(/could not commit.*Free disk space/s)
    expect(world.processesLeft()).toEqual([])

    rmSync(join(world.disk, 'filler'))
    world.note('go', '')
    await world.start()
    await world.untilIssue(key, 'done')
    expect((await world.ask('/api/issues')).body.issues.map((issue: { key: string }) => issue.key)).toEqual([key])
  })

  it('refuses to start with a clear message, and starts once there is room', async () => {
    world = createWorld({ disk: '24m' })
    await world.makeRepositories()
    fill(join(world.disk, 'filler'))
    const { code, stderr } = await world.run('start')
    expect(code).toBe(1)
    expect(stderr).toMatch(/space|full/i)
    expect(stderr).not.toContain('    at ')
    rmSync(join(world.disk, 'filler'))
    await world.start()
    await world.untilIssue(await world.submit(plainWork), 'done')
  })
})

describe.runIf(mayMount)('a disk that is full when a killed server is started again', () => {
  it('is refused with a clear message and nothing lost; once there is room the run goes on, for free', async () => {
    world = createWorld({ disk: '24m' })
    await world.start()
    const landed = await world.submit(plainWork)
    await world.untilIssue(landed, 'done')
    const key = await world.submit(`echo $$ > "$WORLD/pid"; while :; do echo working; sleep 0.2; done`)
    await until(() => existsSync(join(world.folder, 'pid')), { what: 'the agent to work' })
    await world.stop('SIGKILL')
    fill(join(world.disk, 'filler'))

    const { code, stdout, stderr } = await world.run('start')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/space|full/i)
    expect(stderr).not.toContain('    at ')
    const status = await world.run('status', key, '--json')
    expect(status.code).toBe(0)
    expect(JSON.parse(status.stdout)).toMatchObject({ key, phase: 'implementing', attempts: { implementation: 1 } })

    rmSync(join(world.disk, 'filler'))
    world.setScript(key, plainWork)
    await world.start()
    expect(isAlive(Number(readFileSync(join(world.folder, 'pid'), 'utf8')))).toBe(false)
    expect((await world.untilIssue(key, 'done')).attempts['implementation']).toBe(1)
    expect((await world.issue(landed)).phase).toBe('done')
  })
})

describe.runIf(mayMount)('a disk that is read-only', () => {
  it('refuses to make a database with a clear message, and makes it once it may', async () => {
    world = createWorld({ disk: '24m' })
    await world.makeRepositories()
    mount('-o', 'remount,ro', world.disk)
    const { code, stdout, stderr } = await world.run('start')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/read-only|cannot be written|not writable|cannot write/i)
    expect(stderr).toContain(world.data)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    const doctor = await world.run('doctor', '--json')
    expect(doctor.code).toBe(3)
    expect(JSON.parse(doctor.stdout).checks.filter(({ status }: { status: string }) => status === 'FAIL')).not.toEqual([])
    mount('-o', 'remount,rw', world.disk)
    await world.start()
    await world.untilIssue(await world.submit(plainWork), 'done')
  })

  it('refuses to start with a clear message and leaves everything as it was', async () => {
    world = createWorld({ disk: '24m' })
    await world.start()
    const key = await world.submit(plainWork)
    await world.untilIssue(key, 'done')
    await world.stop()
    const before = readFileSync(join(world.data, 'signalbox.db'))
    mount('-o', 'remount,ro', world.disk)
    const { code, stderr } = await world.run('start')
    expect(code).toBe(1)
    expect(stderr).toMatch(/read-only|cannot be written|not writable/i)
    expect(stderr).toContain(world.data)
    expect(stderr).not.toContain('    at ')
    const status = await world.run('status', key)
    expect(status).toMatchObject({ code: 0, stdout: expect.stringContaining('done') })
    expect(readFileSync(join(world.data, 'signalbox.db')).equals(before)).toBe(true)
    mount('-o', 'remount,rw', world.disk)
  })
})

describe('a clock that is set back', () => {
  it('by a day while an issue is on its way: it lands all the same, and its times do not go back', async () => {
    world = createWorld()
    await world.makeRepositories()
    let offset = 0
    const clock: Clock = { ...realClock, now: () => Date.now() + offset }
    const config = loadConfig({ cwd: world.folder, environment: readEnvironment() })
    const open = () => createApp(config, { clock })
    let app = await open()
    const untilPhase = (key: string, phase: string): Promise<void> =>
      until(() => app.issue(key).phase === phase, { what: `${key} to be ${phase}`, saw: () => JSON.stringify(app.issue(key)) })
    try {
      world.setScript('APP-1', `if [ "$SIGNALBOX_ATTEMPT" = 1 ]; then exit 1; fi\n${plainWork}`)
      world.setScript('APP-2', plainWork)
      const { key } = await app.submit({ title: 'Before' })
      await until(() => app.issue(key).attempts['implementation'] === 1, { what: 'the first attempt' })
      offset = -86_400_000
      await untilPhase(key, 'done')
      await app.stop()
      app = await open()
      const { key: later } = await app.submit({ title: 'After' })
      await untilPhase(later, 'done')
      for (const each of [key, later]) {
        const times = app.timeline(each).map(({ at }) => at)
        expect(times).toEqual(times.toSorted())
      }
    } finally {
      await app.stop()
    }
  })
})
