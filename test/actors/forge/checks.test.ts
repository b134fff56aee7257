import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { toFailure } from '../../../src/actors/forge/failure.ts'
import { commit, createForge, run, types, write, type FixtureOptions, type ForgeFixture } from './fixture.ts'

async function opened(
  options: FixtureOptions,
  files = {},
): Promise<{ fixture: ForgeFixture; headSha: string; check: (signal?: AbortSignal) => ReturnType<ForgeFixture['forge']['runChecks']> }> {
  const fixture = await createForge(options)
  const { headSha } = await fixture.open('one', { 'new.txt': 'new\n', ...files })
  fixture.told()
  return { fixture, headSha, check: (signal) => fixture.forge.runChecks({ project: 'app', number: 1, headSha, signal }) }
}

const processesWith = (seconds: string): string[] =>
  readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandLine(pid) === `sleep ${seconds}`)

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim()
  } catch {
    return '' // it has ended
  }
}

/** Nothing of a check stays but its output. */
const left = (fixture: ForgeFixture) =>
  readdirSync(join(fixture.data, 'checks', 'app'), { recursive: true })
    .map(String)
    .filter((name) => name.includes('tree-'))

describe('running the checks', () => {
  test('happens on exactly the head, in a clean worktree, with the listed environment', async () => {
    const script =
      'git status --porcelain --ignored; git rev-parse HEAD origin/main; ls; env | cut -d= -f1 | grep -v -e ^LC_ -e ^_$ | sort; exit 1'
    process.env['SECRET_TOKEN'] = 'secret'
    const { fixture, headSha, check } = await opened({ ci: { command: script, env: { MINE: 'x' } } })
    write(fixture.user, { 'dirty.txt': 'dirty\n' })
    fixture.work({ 'later.txt': 'later\n' }, headSha)
    const result = await check()
    delete process.env['SECRET_TOKEN']
    const lines = result.failures[0]!.logTail.trimEnd().split('\n')
    expect(lines.slice(0, 5)).toEqual([headSha, run(fixture.user, 'rev-parse', 'main'), 'README.md', 'new.txt', 'src'])
    const variables = lines
      .slice(5)
      .filter((name) => !['PATH', 'HOME', 'USER', 'SHELL', 'LANG', 'TERM', 'TMPDIR', 'PWD', 'OLDPWD', 'SHLVL'].includes(name))
    expect(variables).toEqual([
      'MINE',
      'SIGNALBOX_BASE',
      'SIGNALBOX_BRANCH',
      'SIGNALBOX_CHECK',
      'SIGNALBOX_CHECKS',
      'SIGNALBOX_HEAD',
      'SIGNALBOX_PR',
      'SIGNALBOX_PROJECT',
    ])
    expect(left(fixture)).toEqual([])
  })

  test.each(['exit 0', 'exit 1'])('ends what it left behind in a session of its own (%s)', async (end) => {
    const { fixture, check } = await opened({
      ci: { command: `setsid sleep 613 >/dev/null 2>&1 & ${end}` },
    })
    const { state } = await check()
    expect(state).toBe(end === 'exit 0' ? 'passed' : 'failed')
    expect(processesWith('613')).toEqual([])
    expect(left(fixture)).toEqual([])
  })

  test('passes with exit status 0 and fails with another', async () => {
    const { check } = await opened({ ci: { command: 'test -f new.txt' } })
    expect(await check()).toEqual({ state: 'passed', failures: [] })
    const failing = await opened({ ci: { command: 'echo to stdout; echo to stderr >&2; exit 3' } })
    const { state, failures } = await failing.check()
    expect(state).toBe('failed')
    expect(failures).toEqual([
      {
        name: 'ci',
        url: expect.stringMatching(/^file:\/\/.*\/output\.log$/) as string,
        summary: 'ci ended with exit status 3.',
        logTail: 'to stdout\nto stderr\n',
        signature: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      },
    ])
    expect(readFileSync(fileURLToPath(failures[0]!.url!), 'utf8')).toBe('to stdout\nto stderr\n')
  })

  test('sees modes, links and line ends as they were committed', async () => {
    const command = './run.sh && test "$(readlink link)" = run.sh && printf \'a\\r\\n\' | cmp - dos.txt'
    const { check } = await opened(
      { ci: { command } },
      { 'run.sh': { content: '#!/bin/sh\nexit 0\n', mode: 0o755 }, link: { link: 'run.sh' }, 'dos.txt': 'a\r\n' },
    )
    expect(await check()).toEqual({ state: 'passed', failures: [] })
  })

  test('what the command does to git stays in its worktree', async () => {
    const command =
      'git -c user.name=x -c user.email=x commit -q --allow-empty -m x && git branch -f main && git update-ref refs/heads/signalbox/x HEAD && git config core.bare true'
    const { fixture, check } = await opened({ ci: { command } })
    const before = run(fixture.bare, 'for-each-ref')
    expect(await check()).toEqual({ state: 'passed', failures: [] })
    expect(run(fixture.bare, 'for-each-ref')).toBe(before)
    expect(await fixture.forge.checkRefs()).toEqual([])
  })

  test('a candidate is checked as it will land', async () => {
    const { fixture, headSha } = await opened({ ci: { command: 'test -f new.txt && test -f theirs.txt' } })
    expect(await fixture.forge.runChecks({ project: 'app', number: 1, headSha })).toMatchObject({ state: 'failed' })
    commit(fixture.user, { 'theirs.txt': 'theirs\n' }, 'theirs')
    const built = await fixture.forge.buildCandidate({ project: 'app', number: 1, headSha })
    if (built.kind !== 'candidate') throw new Error(built.kind)
    expect(await fixture.forge.runCandidateChecks({ project: 'app', commit: built.commit })).toEqual({ state: 'passed', failures: [] })
    expect(left(fixture)).toEqual([])
  })

  test('a project that declares none passes without a worktree', async () => {
    const { fixture, check } = await opened({})
    expect(await check()).toEqual({ state: 'passed', failures: [] })
    expect(existsSync(join(fixture.data, 'checks'))).toBe(false)
  })
})

describe('what says nothing about the commit', () => {
  test.each([
    ['a command that does not exist', { command: './no-such-command --all' }, /127.*not found/s],
    ['a command that cannot be executed', { command: './README.md' }, /126.*denied/is],
    ['a command that never ends', { command: 'echo started; sleep 600 & wait', timeout: 300 }, /did not end within 300 ms: started/],
    ['a command that the system killed', { command: 'echo big; kill -9 $$' }, /killed \(SIGKILL\): big/],
  ])('%s is a failure of the environment', async (_, ci, message) => {
    const { fixture, check } = await opened({ ci })
    await expect(check()).rejects.toMatchObject({
      name: 'FatalError',
      code: 'environment',
      message: expect.stringMatching(message) as string,
    })
    expect(left(fixture)).toEqual([])
  })

  test('a commit that does not exist cannot be checked', async () => {
    const { fixture } = await opened({ ci: { command: 'true' } })
    await expect(fixture.forge.runCandidateChecks({ project: 'app', commit: 'e'.repeat(40) })).rejects.toMatchObject({
      code: 'environment',
    })
    expect(left(fixture)).toEqual([])
  })

  test('an abort ends the command and everything that it started', async () => {
    const controller = new AbortController()
    const { fixture, check } = await opened({ ci: { command: 'sleep 613 & sleep 613 & wait' } })
    const running = check(controller.signal).catch((error: unknown) => error)
    await until(() => sleeping(fixture, 613) === 2)
    controller.abort()
    expect(await running).toMatchObject({ name: 'RetryableError', code: 'check-aborted' })
    expect(sleeping(fixture, 613)).toBe(0)
    expect(left(fixture)).toEqual([])
    await expect(check(controller.signal)).rejects.toMatchObject({ code: 'check-aborted' })
  })
})

describe('output', () => {
  test('a lot of it is bounded in the file, and its end is kept', async () => {
    const { check } = await opened({
      ci: { command: 'i=0; while [ $i -lt 6 ]; do head -c 8000000 /dev/zero | tr "\\0" x; i=$((i+1)); done; echo; echo the end; exit 1' },
    })
    const { failures } = await check()
    expect(failures[0]!.logTail.endsWith('the end\n')).toBe(true)
    expect(Buffer.byteLength(failures[0]!.logTail)).toBeLessThanOrEqual(4_096)
    expect(statSync(fileURLToPath(failures[0]!.url!)).size).toBeLessThan(18 * 2 ** 20)
  })

  const failure = (output: string, folder = '/data/checks/app/1/tree-1') =>
    toFailure({ name: 'ci', ending: 'ended with exit status 1', output, folder, url: null })

  test.each(['x', 'a', '1', '1:', '\r', '\u001b[', '\u001b]', '/tmp/', '0x', 'a1b2c3d-', 'time=', ' ', '1.', 'é', '::==', '12:3'])(
    'a line of nothing but %j does not hold the event loop',
    (part) => {
      const output = part.repeat(Math.ceil(65_536 / part.length))
      const startedAt = performance.now()
      failure(output)
      expect(performance.now() - startedAt).toBeLessThan(500)
    },
  )

  test('the tail begins with a whole line and never within a character', () => {
    const lines = Array.from({ length: 600 }, (_, i) => `line ${i} ünï`).join('\n')
    const { logTail } = failure(`${lines}\n`)
    expect(logTail).toMatch(/^line \d+ ünï\n/)
    expect(logTail.endsWith('line 599 ünï\n')).toBe(true)
    expect(failure('ü'.repeat(5_000)).logTail).toMatch(/^ü+$/)
    expect(failure('\u001b[31mred\u001b[0m\r\n 10%\r 50%\rdone\n').logTail).toBe('red\ndone\n')
  })

  test('the signature is equal for the same failure elsewhere, at another time, of another length', () => {
    const one = [
      'at Object.test (/data/checks/app/1/tree-1/src/a.test.ts:12:7)',
      'AssertionError: expected 1 to be 2',
      'duration_ms 12.481',
      '1 failed (1.2 s) in /tmp/vitest-8f3a/x at 2026-01-02T03:04:05.678Z, 12:30:01',
      'commit 0f1e2d3c4b5a69788796a5b4c3d2e1f001234567 pid 311 0xdeadbeef',
    ].join('\n')
    const two = [
      'at Object.test (/elsewhere/tree-22222/src/a.test.ts:12:7)',
      '\u001b[31mAssertionError: expected 1 to be 2\u001b[39m',
      'duration_ms 9',
      '1 failed (340 ms) in /tmp/vitest-99999999/y/z at 2027-11-12T13:14:15Z, 2:30:01',
      'commit aaaa2d3c4b5a69788796a5b4c3d2e1f001234567 pid 9999 0x1',
      '',
    ].join('\n')
    expect(failure(two, '/elsewhere/tree-22222').signature).toBe(failure(one).signature)
    expect(failure(one.replace('expected 1', 'expected 3')).signature).not.toBe(failure(one).signature)
    expect(failure(one.replace('a.test.ts:12', 'a.test.ts:13')).signature).not.toBe(failure(one).signature)
  })

  test('a real test that fails twice has one signature, though its time and folder differ', async () => {
    const { check } = await opened({ ci: { command: 'echo "in $PWD at $(date +%FT%T.%N)Z took $(date +%N) ms"; echo not ok; exit 1' } })
    const [first, second] = [await check(), await check()]
    expect(first.failures[0]!.logTail).not.toBe(second.failures[0]!.logTail)
    expect(first.failures[0]!.signature).toBe(second.failures[0]!.signature)
  })
})

describe('recording', () => {
  const failures = [{ name: 'ci', url: null, summary: 'ci ended with exit status 1.', logTail: 'no\n', signature: 's' }]

  test('a result is told once, and read in the facts', async () => {
    const { fixture, headSha } = await opened({ ci: { command: 'true' } })
    const about = { project: 'app', number: 1, headSha }
    fixture.forge.recordChecks({ ...about, result: { state: 'failed', failures } })
    fixture.forge.recordChecks({ ...about, result: { state: 'failed', failures } })
    const events = fixture.told()
    expect(events).toHaveLength(1)
    expect(events[0]).toMatchObject({ type: 'checks.failed', source: 'system', headSha, names: ['ci'], failures })
    const facts = await fixture.forge.facts({ project: 'app', issue: '', number: 1, branch: '' })
    expect(facts!.checks).toEqual({ headSha, state: 'failed', names: ['ci'], failures, observedAt: events[0]!.observedAt })
    fixture.forge.recordChecks({ ...about, result: { state: 'passed', failures: [] } })
    expect(types(fixture.told())).toEqual(['checks.passed'])
  })

  test('what keeps them from running is told, and they stay owed', async () => {
    const { fixture, headSha } = await opened({ ci: { command: 'true' } })
    const about = { project: 'app', number: 1, headSha }
    fixture.forge.recordObstacle({ ...about, reason: 'npm was not found.' })
    fixture.forge.recordObstacle({ ...about, reason: 'npm was not found.' })
    expect(fixture.told()).toMatchObject([{ type: 'checks.pending', headSha, obstacle: 'npm was not found.', failures: [] }])
    expect(fixture.forge.pendingChecks()).toHaveLength(1)
    fixture.forge.recordChecks({ ...about, result: { state: 'passed', failures: [] } })
    expect(types(fixture.told())).toEqual(['checks.passed'])
  })

  test('a result for an older head is kept, but not told', async () => {
    const { fixture, headSha } = await opened({ ci: { command: 'true' } })
    const head = fixture.work({ a: 'b' }, headSha)
    await fixture.publish({ branch: 'one', head, expected: headSha, issue: 'issue-one', key: 'ONE' })
    fixture.told()
    fixture.forge.recordChecks({ project: 'app', number: 1, headSha, result: { state: 'failed', failures } })
    expect(fixture.told()).toEqual([])
    expect(fixture.forge.pendingChecks().map((check) => check.headSha)).toEqual([head])
    expect(() =>
      fixture.forge.recordChecks({ project: 'app', number: 1, headSha: 'x', result: { state: 'passed', failures: [] } }),
    ).toThrow('was never the head')
  })
})

describe('at start', () => {
  test('the worktrees and processes of a killed owner are removed', async () => {
    const { fixture, headSha } = await opened({ ci: { command: 'setsid sleep 611 & exec sleep 612' } })
    const running = fixture.forge.runChecks({ project: 'app', number: 1, headSha }).catch((error: unknown) => error)
    await until(() => sleeping(fixture, 611) + sleeping(fixture, 612) === 2)
    expect(left(fixture).length).toBeGreaterThan(0)
    await fixture.restart().start()
    expect(sleeping(fixture, 611) + sleeping(fixture, 612)).toBe(0)
    expect(left(fixture)).toEqual([])
    await running
  })
})

/** How many `sleep SECONDS` of the fixture's checks are alive. */
const sleeping = (fixture: ForgeFixture, seconds: number) =>
  readdirSync('/proc').filter(
    (pid) =>
      /^\d+$/.test(pid) && read(`/proc/${pid}/cmdline`) === `sleep\0${seconds}\0` && read(`/proc/${pid}/environ`).includes(fixture.data),
  ).length

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 20))
  expect(condition()).toBe(true)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

describe('checks that are run once more', () => {
  const failed = (signature: string) => ({
    state: 'failed' as const,
    failures: [{ name: 'ci', url: null, summary: 'red', logTail: '', signature }],
  })
  const passed = { state: 'passed' as const, failures: [] }

  test('are pending again, and asked for under a number of their own; asked for twice is once', async () => {
    const { fixture, headSha } = await opened({ ci: {} })
    const head = { project: 'app', number: 1, headSha }
    fixture.forge.recordChecks({ ...head, result: failed('x') })
    fixture.told()
    fixture.spawned.length = 0
    await fixture.forge.rerunChecks(head)
    await fixture.forge.rerunChecks(head)
    expect(types(fixture.told())).toEqual(['checks.pending'])
    expect(fixture.spawned).toEqual([
      { project: 'app', issue: 'issue-one', number: 1, headSha, attempt: 2 },
      { project: 'app', issue: 'issue-one', number: 1, headSha, attempt: 2 },
    ])
  })

  test('are not run when they are green, at a former head, or of nothing known', async () => {
    const { fixture, headSha } = await opened({ ci: {} })
    const head = { project: 'app', number: 1, headSha }
    fixture.forge.recordChecks({ ...head, result: passed })
    fixture.spawned.length = 0
    await fixture.forge.rerunChecks(head)
    await fixture.forge.rerunChecks({ ...head, headSha: 'f'.repeat(40) })
    await fixture.forge.rerunChecks({ ...head, number: 99 })
    expect(fixture.spawned).toEqual([])
  })

  test('tell a failure that comes and goes: it is known by its signature from then on', async () => {
    const { fixture, headSha } = await opened({ ci: {} })
    const head = { project: 'app', number: 1, headSha }
    fixture.forge.recordChecks({ ...head, result: failed('x') })
    await fixture.forge.rerunChecks(head)
    fixture.forge.recordChecks({ ...head, result: passed })
    const other = await fixture.open('two', { 'other.txt': 'o' })
    fixture.told()
    fixture.forge.recordChecks({ project: 'app', number: other.number, headSha: other.headSha, result: failed('x') })
    expect(fixture.told()).toMatchObject([{ type: 'checks.failed', failures: [{ signature: 'x', flaky: true }] }])
    const third = await fixture.open('three', { 'third.txt': 't' })
    fixture.told()
    fixture.forge.recordChecks({ project: 'app', number: third.number, headSha: third.headSha, result: failed('y') })
    expect(fixture.told()).toMatchObject([{ failures: [{ signature: 'y' }] }])
    expect(fixture.told()).toEqual([])
  })
})
