// People take hold of runs that are under way, with the real command line: stop, prompt, retry, close, undelegate, delegate; and
// the server itself is ended politely and without warning.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, isAlive, plainWork, until, type World } from './harness.ts'

/** Works on and on with a child and a grandchild in another session, and says who they are. */
const endless = `sleep 1100 & echo $! > "$WORLD/$SIGNALBOX_ISSUE.pids"
setsid sh -c 'echo $$ >> "$WORLD/$SIGNALBOX_ISSUE.pids"; exec sleep 1101' >/dev/null 2>&1 &
while [ "$(wc -l < "$WORLD/$SIGNALBOX_ISSUE.pids")" -lt 2 ]; do sleep 0.05; done
echo $$ >> "$WORLD/$SIGNALBOX_ISSUE.pids"
echo "$SIGNALBOX_RUN_ID" >> "$WORLD/$SIGNALBOX_ISSUE.runs"
echo begun > begun.txt
while :; do echo working; sleep 0.2; done`

let world: World

const pidsOf = (key: string): number[] => {
  const file = join(world.folder, `${key}.pids`)
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : []
}
const untilWorking = (key: string): Promise<void> =>
  until(() => pidsOf(key).length === 3, { what: `the agent of ${key} to work`, saw: () => String(pidsOf(key)) })
const untilEnded = (pids: number[], patience = 6_000): Promise<void> =>
  until(() => !pids.some(isAlive), { what: 'the processes of the agent to end', saw: () => pids.filter(isAlive).join(' '), patience })
const ok = async (...words: string[]): Promise<void> => expect(await world.run(...words)).toMatchObject({ code: 0 })

describe('a person', () => {
  beforeAll(async () => {
    world = createWorld({ limits: { activeRuns: 6 } })
    await world.start()
  })

  afterAll(async () => {
    await world.close()
  })

  it('F05: stops a run: its processes end within seconds; stopped it stays, also after a restart, until it is prompted', async () => {
    const key = await world.submit(endless)
    await untilWorking(key)
    const pids = pidsOf(key)
    await ok('stop', key)
    await untilEnded(pids)
    const stopped = await world.untilIssue(key, ({ authority, run }) => authority === 'stopped' && run === null)
    expect(stopped.waitsFor[0]).toMatchObject({ party: 'human' })
    expect(stopped.attempts['implementation']).toBe(0)

    await world.stop()
    await world.start()
    expect(await world.issue(key)).toMatchObject({ authority: 'stopped', run: null })
    expect(pidsOf(key)).toEqual(pids)

    world.setScript(key, plainWork)
    await ok('prompt', key, 'Go on, but smaller.')
    const done = await world.untilIssue(key, 'done')
    expect(done.authority).toBe('acting')
    expect(readFileSync(join(world.data, 'runs', key, 'run-2', 'prompt.md'), 'utf8')).toContain('Go on, but smaller.')
  })

  it('takes the delegation back and gives it again: nothing runs in between', async () => {
    const key = await world.submit(endless)
    await untilWorking(key)
    const pids = pidsOf(key)
    await ok('undelegate', key)
    await untilEnded(pids)
    expect(await world.untilIssue(key, ({ run }) => run === null)).toMatchObject({ authority: 'observing', delegated: false })
    world.setScript(key, plainWork)
    await ok('delegate', key)
    await world.untilIssue(key, 'done')
  })

  it('closes an issue that is being worked on: the agent ends, and no pull request comes of it', async () => {
    const key = await world.submit(endless)
    await untilWorking(key)
    const pids = pidsOf(key)
    await ok('close', key, '--as', 'failed')
    await untilEnded(pids)
    expect(await world.untilIssue(key, ({ phase, run }) => phase === 'failed' && run === null)).toMatchObject({ pr: null })
    const refused = await world.run('stop', key)
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/does not accept 'stop' now\. It accepts: .*retry/)
    world.setScript(key, plainWork)
    await ok('retry', key)
    await world.untilIssue(key, 'done')
  })

  it('answers the question of an agent, and retries one that gave up', async () => {
    const asking = await world.submit(`if ! grep -q blue "$SIGNALBOX_PROMPT_FILE"; then
  echo '{"outcome":"needs_input","summary":"A colour is missing","question":"Which colour?"}' > "$SIGNALBOX_RESULT_FILE"; exit 0
fi
${plainWork}`)
    expect(await world.untilIssue(asking, 'awaiting_input')).toMatchObject({ question: 'Which colour?' })
    await ok('prompt', asking, 'Make it blue.')
    await world.untilIssue(asking, 'done')

    const givingUp = await world.submit(`echo '{"outcome":"no_change","summary":"Nothing to do"}' > "$SIGNALBOX_RESULT_FILE"`)
    await world.untilIssue(givingUp, 'escalated')
    world.setScript(givingUp, plainWork)
    await ok('retry', givingUp)
    await world.untilIssue(givingUp, 'done')
  })

  it('pauses, and nothing starts until it is resumed; drain returns when the active runs have ended', async () => {
    await ok('pause')
    const key = await world.submit(`sleep 1\n${plainWork}`)
    expect((await world.untilIssue(key, ({ waitsFor }) => waitsFor.length > 0)).waitsFor[0]).toMatchObject({ party: 'operator' })
    await ok('resume')
    await world.untilIssue(key, ({ run }) => run?.phase === 'working')
    await ok('drain')
    expect((await world.issue(key)).run).toBeNull()
    await ok('resume')
    await world.untilIssue(key, 'done')
  })
})

describe('the preparation of a worktree', () => {
  afterEach(async () => {
    await world.close()
  })

  const hook = 'echo $$ >> ../pids; echo begun >> ../hook.log; test -e ../quick || sleep 20; echo ended >> ../hook.log'
  const read = (name: string): string => {
    const path = join(world.data, 'worktrees', 'app', name)
    return existsSync(path) ? readFileSync(path, 'utf8') : ''
  }

  it('is ended by a stop, and never goes on beside that of the next run', async () => {
    world = createWorld({ projects: [{ id: 'app', more: { hooks: { prepare: hook } } }] })
    await world.start()
    const key = await world.submit(plainWork)
    await until(() => read('hook.log') !== '', { what: 'the hook to begin' })
    const pid = Number(read('pids'))
    writeFileSync(join(world.data, 'worktrees', 'app', 'quick'), '')
    await world.act(key, { action: 'stop' })
    await world.act(key, { action: 'retry' })
    await world.untilIssue(key, 'done')
    expect(isAlive(pid)).toBe(false)
    expect(read('hook.log')).toBe('begun\nbegun\nended\n')
  })

  it('that a killed server left behind is ended at the next start', async () => {
    world = createWorld({ projects: [{ id: 'app', more: { hooks: { prepare: hook } } }] })
    await world.start()
    const key = await world.submit(plainWork)
    await until(() => read('hook.log') !== '', { what: 'the hook to begin' })
    const pid = Number(read('pids'))
    await world.stop('SIGKILL', { withHost: true })
    expect(isAlive(pid)).toBe(true)
    writeFileSync(join(world.data, 'worktrees', 'app', 'quick'), '')
    await world.start()
    expect(isAlive(pid)).toBe(false)
    await world.untilIssue(key, 'done')
  })
})

describe('the server', () => {
  afterEach(async () => {
    await world.close()
  })

  it('ended with SIGTERM ends its agents, and the next start takes the run up from its beginning (case 270)', async () => {
    world = createWorld()
    const { ended } = await world.start()
    const key = await world.submit(endless)
    await untilWorking(key)
    const pids = pidsOf(key)
    const begun = Date.now()
    await world.stop('SIGTERM')
    expect(await ended).toBe('0')
    expect(Date.now() - begun).toBeLessThan(10_000)
    expect(pids.filter(isAlive)).toEqual([])

    // It cannot be done twice: what the interrupted run left must be gone.
    world.setScript(key, `test ! -e begun.txt\n${plainWork}`)
    await world.start()
    const done = await world.untilIssue(key, 'done')
    expect(done.attempts['implementation']).toBe(1)
  })

  it('killed takes its agents with it, those in sessions of their own at the next start (case 249) (edge 233)', async () => {
    world = createWorld()
    await world.start()
    const key = await world.submit(endless)
    await untilWorking(key)
    const [child, inOtherSession, agent] = pidsOf(key)
    expect(await world.stop('SIGKILL')).toBe('SIGKILL')
    await untilEnded([child!, agent!])

    world.setScript(key, `test ! -e begun.txt\n${plainWork}`)
    await world.start()
    expect(isAlive(inOtherSession!)).toBe(false)
    const done = await world.untilIssue(key, 'done')
    expect(done.attempts['implementation']).toBe(1)
  })

  it('killed with all that could clean up after it leaves its agents behind, which the next start ends before it goes on', async () => {
    world = createWorld()
    await world.start()
    const key = await world.submit(endless)
    await untilWorking(key)
    const pids = pidsOf(key)
    expect(await world.stop('SIGKILL', { withHost: true })).toBe('SIGKILL')
    expect(pids.filter(isAlive)).toEqual(pids)

    world.setScript(key, `test ! -e begun.txt\n${plainWork}`)
    await world.start()
    expect(pids.filter(isAlive)).toEqual([])
    const done = await world.untilIssue(key, 'done')
    expect(done.attempts['implementation']).toBe(1)
    expect((await world.ask(`/api/issues/${key}/timeline`)).body.entries?.length ?? 1).toBeGreaterThan(0)
  })

  it('killed after the agent has committed starts over: the same work is not there twice', async () => {
    world = createWorld()
    await world.start()
    const key = await world.submit(`echo "line" >> notes.txt
git commit --quiet -am "Add a line"
touch "$WORLD/committed"
while [ ! -e "$WORLD/go" ]; do echo waiting; sleep 0.1; done`)
    await until(() => existsSync(join(world.folder, 'committed')), { what: 'the agent to commit' })
    await world.stop('SIGKILL')
    world.note('go', '')
    await world.start()
    await world.untilIssue(key, 'done')
    expect(await world.asUser(['show', 'main:notes.txt'])).toBe('one\nline')
    expect(await world.asUser(['log', '--format=%s', '--no-merges', 'main'])).toBe('Add a line\nThe start')
  })

  it('ended with SIGTERM while several agents ignore theirs is gone within 10 s, and so are they; each run goes on, for free', async () => {
    world = createWorld({ limits: { activeRuns: 4 } })
    const { ended } = await world.start()
    const keys = [
      await world.submit(`trap '' TERM\n${endless}`),
      await world.submit(`trap '' TERM INT HUP\n${endless}`),
      await world.submit(endless),
    ]
    for (const key of keys) await untilWorking(key)
    const pids = keys.flatMap(pidsOf)
    const waiting = await world.submit(plainWork, { blockedBy: [keys[0]!] })
    const begun = Date.now()
    await world.stop('SIGTERM')
    expect(await ended).toBe('0')
    expect(Date.now() - begun).toBeLessThan(10_000)
    expect(pids.filter(isAlive)).toEqual([])
    expect(world.processesLeft()).toEqual([])
    expect((await world.run('status', keys[0]!)).stdout).toContain('implementing')

    for (const key of keys) world.setScript(key, plainWork)
    await world.start()
    for (const key of [...keys, waiting]) {
      const done = await world.untilIssue(key, 'done')
      expect(done.attempts['implementation']).toBe(1)
    }
  })

  it('told a second time ends at once; what it left behind is ended by the next start, which goes on for free', async () => {
    world = createWorld()
    const server = await world.start()
    const key = await world.submit(`trap '' TERM\n${endless}`)
    await untilWorking(key)
    const pids = pidsOf(key)
    process.kill(server.pid, 'SIGTERM')
    await until(() => server.printed().includes('SIGTERM: ending'), { what: 'the server to be ending' })
    await wait(700)
    const begun = Date.now()
    expect(await world.stop('SIGTERM')).toBe('143')
    expect(Date.now() - begun).toBeLessThan(1_000)

    world.setScript(key, plainWork)
    await world.start()
    expect(pids.filter(isAlive)).toEqual([])
    const done = await world.untilIssue(key, 'done')
    expect(done.attempts['implementation']).toBe(1)
  })

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'ended with %s while a merge is tested: the test is begun again, and one landing is made',
    async (signal) => {
      const check = `case "$(git log -1 --format=%s)" in Merge*) echo $$ >> "$HOME/tests"; test -e "$HOME/go" || sleep 1012;; esac`
      world = createWorld({ projects: [{ id: 'app', ci: { command: check } }] })
      await world.start()
      const key = await world.submit(plainWork)
      const tests = join(world.folder, 'home', 'tests')
      await until(() => existsSync(tests), { what: 'the merge to be tested' })
      const before = await world.asUser(['rev-parse', 'main'])
      const pid = Number(readFileSync(tests, 'utf8'))
      const begun = Date.now()
      expect(await world.stop(signal)).toBe(signal === 'SIGTERM' ? '0' : 'SIGKILL')
      expect(Date.now() - begun).toBeLessThan(10_000)
      if (signal === 'SIGTERM') expect(isAlive(pid)).toBe(false)
      expect(await world.asUser(['rev-parse', 'main'])).toBe(before)

      writeFileSync(join(world.folder, 'home', 'go'), '')
      await world.start()
      expect(isAlive(pid)).toBe(false)
      const done = await world.untilIssue(key, 'done')
      expect(done.attempts).toMatchObject({ implementation: 1, queue_repair: 0, ci_repair: 0 })
      expect(readFileSync(tests, 'utf8').trim().split('\n')).toHaveLength(2)
      expect(await world.asUser(['log', '--first-parent', '--format=%s', 'main'])).toBe(`Merge #1: The issue ${key} (${key})\nThe start`)
      expect(await world.asUser(['status', '--porcelain'])).toBe('')
    },
  )
})
