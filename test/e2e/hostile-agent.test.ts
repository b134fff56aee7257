// Agents that misbehave, each beside the others on one server: what becomes of their issues, and that nothing of theirs is lost
// or left behind.

import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { git } from '../../src/actors/git.ts'
import type { IssueDocument } from '../../src/app.ts'
import { createWorld, isAlive, plainWork, until, type World } from './harness.ts'

let world: World

beforeAll(async () => {
  world = createWorld({
    projects: [
      { id: 'app', budgets: { implementation: 2 } },
      { id: 'absent', agentCommand: '/nowhere/an-agent --fast' },
      { id: 'denied', agentCommand: './notes.txt' },
      { id: 'none', agentCommand: 'exec true' },
      { id: 'reviewed', review: 'human', budgets: { review_fix: 1 } },
    ],
    limits: { activeRuns: 3, progress: '4s', run: '120s' },
  })
  await world.start()
})

afterAll(async () => {
  await world.close()
})

const reasonOf = ({ waitsFor }: IssueDocument): string => waitsFor.map(({ reason }) => reason).join('\n')

/** The clone that the worktrees belong to. */
const clone = (project = 'app'): string => join(world.data, 'clones', `${project}.git`)

describe.concurrent('an agent that cannot be run or fails', () => {
  it('waits when its command does not exist, spending no attempt, then asks a human', async () => {
    const key = await world.submit(null, { project: 'absent' })
    const paused = await world.untilIssue(key, (issue) => issue.waitsFor.some(({ party }) => party === 'timer'))
    expect(reasonOf(paused)).toContain('exit code 127')
    expect(paused).toMatchObject({ phase: 'implementing', attempts: { implementation: 0 }, budgets: { runs: { used: 0 } } })
    const ended = await world.untilIssue(key, 'escalated')
    expect(ended.attempts['implementation']).toBe(0)
    expect(reasonOf(ended)).toContain('/nowhere/an-agent')
  })

  it('waits when its command may not be executed', async () => {
    const key = await world.submit(null, { project: 'denied' })
    const paused = await world.untilIssue(key, (issue) => issue.waitsFor.some(({ party }) => party === 'timer'))
    expect(reasonOf(paused)).toContain('exit code 126')
  })

  it('is tried as often as its budget says when it exits 1, then a human is asked with its last words', async () => {
    const key = await world.submit('echo "no such model" >&2; exit 1')
    const ended = await world.untilIssue(key, 'escalated')
    expect(reasonOf(ended)).toContain('exit code 1')
    expect(reasonOf(ended)).toContain('no such model')
    expect(ended).toMatchObject({ attempts: { implementation: 2 }, pr: null, run: null })
  })

  it('is refused a result file that is not valid, with what is wrong with it', async () => {
    const key = await world.submit(`echo '{"outcome":"complete"}' > "$SIGNALBOX_RESULT_FILE"`)
    expect(reasonOf(await world.untilIssue(key, 'escalated'))).toMatch(/result file is not valid: .*outcome/)
    const other = await world.submit(`ln -s /etc/passwd "$SIGNALBOX_RESULT_FILE"`)
    expect(reasonOf(await world.untilIssue(other, 'escalated'))).toContain('symbolic link')
  })

  it('does nothing: a human is asked, and no pull request is opened', async () => {
    const key = await world.submit(null, { project: 'none' })
    const ended = await world.untilIssue(key, 'escalated')
    expect(reasonOf(ended)).toContain('changed nothing')
    expect(ended.pr).toBeNull()
  })
})

describe.concurrent('an agent that goes on and on', () => {
  it('has its change landed although it prints a gigabyte, of which little is kept', { timeout: 150_000 }, async () => {
    const key = await world.submit(`yes "a line of output that says nothing at all" | head -c 800000000
head -c 200000000 /dev/zero | tr '\\0' 'x'
${plainWork}`)
    await world.untilIssue(key, 'done', 120_000) // a busy machine takes its time for as much
    const log = join(world.data, 'runs', key, 'run-1', 'output.log')
    expect(statSync(log).size).toBeLessThan(20_000_000)
    expect(statSync(join(world.data, 'signalbox.db')).size).toBeLessThan(20_000_000)
    expect((await world.ask('/ready')).status).toBe(200)
  })

  it('is ended with everything that it started when it never ends and says nothing', async () => {
    const key = await world.submit(`sleep 1000 & echo $! > "$WORLD/$SIGNALBOX_ISSUE.pid"
trap '' TERM
sleep 1001`)
    await world.untilIssue(key, (issue) => issue.run !== null && existsSync(join(world.folder, `${key}.pid`)))
    const pid = Number(readFileSync(join(world.folder, `${key}.pid`), 'utf8'))
    const ended = await world.untilIssue(key, 'escalated')
    expect(reasonOf(ended)).toContain('No progress for 4 s')
    expect(isAlive(pid)).toBe(false)
  })

  it('leaves a background process that holds its output: it is ended, and its change lands', async () => {
    const key = await world.submit(`sleep 1003 & echo $! > "$WORLD/$SIGNALBOX_ISSUE.pid"
${plainWork}`)
    await world.untilIssue(key, 'done')
    expect(isAlive(Number(readFileSync(join(world.folder, `${key}.pid`), 'utf8')))).toBe(false)
  })

  it('leaves a background process of a session of its own: it is ended, and its change lands', async () => {
    const key = await world.submit(`setsid sh -c 'echo $$ > "$WORLD/$SIGNALBOX_ISSUE.pid"; exec sleep 1002' >/dev/null 2>&1 &
while [ ! -s "$WORLD/$SIGNALBOX_ISSUE.pid" ]; do sleep 0.1; done
${plainWork}`)
    await world.untilIssue(key, 'done')
    expect(isAlive(Number(readFileSync(join(world.folder, `${key}.pid`), 'utf8')))).toBe(false)
  })
})

describe.concurrent('an agent that harms its worktree', () => {
  it('deletes its worktree: the next attempt has a new one', async () => {
    const key = await world.submit(`if [ "$SIGNALBOX_ATTEMPT" = 1 ]; then rm -rf "$PWD"; else ${plainWork.replaceAll('\n', '; ')}; fi`)
    const ended = await world.untilIssue(key, 'done')
    expect(ended.attempts['implementation']).toBe(2)
  })

  it('deletes .git: its files are kept aside, the next attempt has a new worktree', async () => {
    const key = await world.submit(
      `if [ "$SIGNALBOX_ATTEMPT" = 1 ]; then echo precious > precious.txt; rm -rf .git; else ${plainWork.replaceAll('\n', '; ')}; fi`,
    )
    await world.untilIssue(key, 'done')
    const aside = join(world.data, 'worktrees', 'app', `.damaged-${key}-1`)
    expect(readFileSync(join(aside, 'precious.txt'), 'utf8')).toBe('precious\n')
  })

  it('deletes .git each time: a human is asked', async () => {
    const key = await world.submit('rm -rf .git')
    expect(reasonOf(await world.untilIssue(key, 'escalated'))).toContain('no usable worktree')
  })

  it('switches to a branch of its own: nothing is published, its commits are kept', async () => {
    const key = await world.submit(`git checkout --quiet -b elsewhere-$SIGNALBOX_ATTEMPT
${plainWork}`)
    const ended = await world.untilIssue(key, 'escalated')
    expect(reasonOf(ended)).toContain('elsewhere-2')
    expect(ended.pr).toBeNull()
    const { stdout } = await git(['for-each-ref', '--format=%(objectname)', `refs/signalbox/saved/${key}`, 'refs/heads/elsewhere-*'], {
      cwd: clone(),
    })
    expect(stdout.trim()).not.toBe('')
  })

  it('leaves changes uncommitted: one continuation, then a human, with the names of the files and the work kept', async () => {
    const key = await world.submit('echo "turn" >> turns.txt; echo more > left.txt')
    const ended = await world.untilIssue(key, 'escalated')
    expect(reasonOf(ended)).toContain('left.txt')
    expect(reasonOf(ended)).toContain('turns.txt')
    expect(ended).toMatchObject({ attempts: { implementation: 1 }, pr: null })
    expect(readFileSync(join(ended.worktree!, 'turns.txt'), 'utf8')).toBe('turn\nturn\n')
  })

  it('rewrites the history of the base: nothing of it is published, and the next attempt starts at the base again', async () => {
    const rewriting = `git checkout --quiet --orphan new-root
echo all-new > README.md
git add -A
git commit --quiet -m "A new history"
git update-ref "refs/heads/$SIGNALBOX_BRANCH" HEAD
git symbolic-ref HEAD "refs/heads/$SIGNALBOX_BRANCH"`
    const key = await world.submit(`if [ "$SIGNALBOX_ATTEMPT" = 1 ]; then
${rewriting}
else
${plainWork}
fi`)
    const done = await world.untilIssue(key, 'done')
    expect(done.attempts['implementation']).toBe(2)
    expect(await world.asUser(['show', 'main:README.md'])).toBe('# app')
    expect(await world.asUser(['log', '--format=%s', 'main'])).not.toContain('A new history')
    const { stdout: saved } = await git(['log', '--format=%s', '--no-walk', '--glob', `refs/signalbox/saved/${key}`], { cwd: clone() })
    expect(saved).toContain('A new history')
  })
})

describe('an agent that rewrites what was published', () => {
  it('in answer to a review: what was published stays, a human is asked, and its commits are kept', async () => {
    const key = await world.submit(
      `if [ "$SIGNALBOX_RUN_TYPE" = review_fix ]; then
  echo better > "$SIGNALBOX_ISSUE.txt"
  git commit --quiet --amend -am "Rewritten"
else
${plainWork}
fi`,
      { project: 'reviewed' },
    )
    const first = await world.untilIssue(key, ({ pr }) => pr !== null)
    await world.act(key, { action: 'request_changes', body: 'Better, please.' })
    const ended = await world.untilIssue(key, 'escalated')
    expect(reasonOf(ended)).toContain('rewrote commits')
    expect(ended).toMatchObject({ attempts: { review_fix: 1 }, pr: { number: 1, state: 'open', headSha: first.pr!.headSha } })

    world.setScript(key, `echo better > "$SIGNALBOX_ISSUE.txt"\ngit commit --quiet -am "Better"`)
    await world.act(key, { action: 'retry' })
    const better = await world.untilIssue(key, ({ pr, run }) => pr!.headSha !== first.pr!.headSha && run === null)
    expect(better.pr).toMatchObject({ number: 1, review: 'none' })
    const { stdout: saved } = await git(['log', '--format=%s', '--no-walk', '--glob', `refs/signalbox/saved/${key}`], {
      cwd: clone('reviewed'),
    })
    expect(saved).toContain('Rewritten')
    await world.act(key, { action: 'approve' })
    await world.untilIssue(key, 'done')
    expect(await world.asUser(['log', '--format=%s', '--no-merges', 'main'], 'reviewed')).toBe(`Better\nDo ${key}\nThe start`)
  })
})

describe('an agent that tries to publish by itself', () => {
  it('cannot push to origin nor to the repository of the forge; its work lands by the usual way', async () => {
    const log = join(world.folder, 'pushes.txt')
    const key = await world.submit(`${plainWork}
git push origin HEAD:refs/heads/main > "$WORLD/pushes.txt" 2>&1 && echo "PUSHED to origin" >> "$WORLD/pushes.txt" || true
git push "${world.data}/repos/app.git" HEAD:refs/heads/main >> "$WORLD/pushes.txt" 2>&1 && echo "PUSHED to the forge" >> "$WORLD/pushes.txt" || true
git push "${world.data}/repos/app.git" HEAD:refs/heads/mine >> "$WORLD/pushes.txt" 2>&1 && echo "PUSHED a branch" >> "$WORLD/pushes.txt" || true`)
    await world.untilIssue(key, 'done')
    expect(readFileSync(log, 'utf8')).not.toContain('PUSHED')
    const subject = await world.asUser(['log', '--format=%s', `--grep=(${key})`, '--fixed-strings', 'main'])
    expect(subject).toMatch(/^Merge #\d+: /)
  })

  it('moves a ref of the forge behind its back: it is put back, nothing of the turn is used, and operators are told', async () => {
    const key = await world.submit(`${plainWork}
git rev-parse HEAD~1 > "${world.data}/repos/app.git/refs/heads/sneaked"`)
    const ended = await world.untilIssue(key, 'escalated')
    expect(reasonOf(ended)).toContain('refs/heads/sneaked of our own repository')
    expect(ended).toMatchObject({ pr: null, attempts: { implementation: 1 } })
    const { stdout } = await git(['for-each-ref', 'refs/heads/sneaked'], { cwd: join(world.data, 'repos', 'app.git') })
    expect(stdout).toBe('')
    const told = readFileSync(join(world.data, 'log.jsonl'), 'utf8')
    expect(told).toContain('refs/heads/sneaked')
  })

  it('writes its commits into the user’s repository: nothing of the turn is used, operators are told, and a retry begins from before it', async () => {
    const key = await world.submit(`if [ ! -e "$WORLD/has-pushed" ]; then
${plainWork}
touch "$WORLD/has-pushed"
git push --quiet "${join(world.folder, 'app')}" HEAD:refs/heads/kept
else
${plainWork.replace('Do ', 'Do again ')}
fi`)
    await world.asUser(['branch', 'kept'])
    const ended = await world.untilIssue(key, 'escalated')
    expect(reasonOf(ended)).toMatch(/left its bounds: refs\/heads\/kept of .* went from \w{10} to \w{10}/)
    expect(ended).toMatchObject({ pr: null, run: null })
    const { entries } = (await world.ask('/api/feed')).body as {
      entries: { kind: string; issue: string; level: string; summary: string }[]
    }
    expect(entries.filter(({ kind, issue }) => kind === 'escape' && issue === key)).toMatchObject([
      { level: 'error', summary: expect.stringContaining('refs/heads/kept') },
    ])
    await world.act(key, { action: 'retry' })
    await world.untilIssue(key, 'done')
    expect(await world.asUser(['log', '--format=%s', '--no-merges', '--grep', key, 'main'])).toBe(`Do again ${key}`)
  })
})

it('writes into the configuration that all worktrees share what stops every git there: the next issue is not harmed', async () => {
  const bad = await world.submit(`git config core.fsmonitor 'sleep 60'
git config core.repositoryformatversion 1
git config extensions.nonsense true`)
  await world.untilIssue(bad, 'escalated')
  const good = await world.submit(plainWork)
  await world.untilIssue(good, 'done')
})

it('leaves settings, hooks and filters of its own in what all worktrees share: they go with it', async () => {
  const bad = await world.submit(`${plainWork}
common=$(git rev-parse --git-common-dir)
git config commit.gpgsign true
git config gpg.program /bin/false
git config core.autocrlf true
git config filter.evil.smudge 'touch "$WORLD/smudged"; cat'
git config "url.file:///nowhere.insteadOf" /
git config include.path ../more.config
mkdir -p "$common/hooks" "$common/info"
printf '#!/bin/sh\nexit 1\n' > "$common/hooks/pre-commit" && chmod +x "$common/hooks/pre-commit"
echo '* filter=evil' > "$common/info/attributes"
echo '*' > "$common/info/exclude"`)
  await world.untilIssue(bad, 'done')
  const good = await world.submit(plainWork)
  expect(await world.untilIssue(good, 'done')).toMatchObject({ attempts: { implementation: 1 } })
  expect(existsSync(join(world.folder, 'smudged'))).toBe(false)
})

it('goes on and on, with progress all the time: it is ended when its time is up, and a human is asked', async () => {
  // Of the five seconds its start takes one or two where many others are started.
  const other = createWorld({ projects: [{ id: 'app', budgets: { implementation: 1, recovery: 1 } }], limits: { run: '5s' } })
  try {
    await other.start()
    const key = await other.submit(`echo $$ > "$WORLD/pid"
i=0; while :; do i=$((i + 1)); echo "step $i"; echo "$i" > progress.txt; sleep 0.1; done`)
    const ended = await other.untilIssue(key, 'escalated')
    expect(reasonOf(ended)).toMatch(/5 s/)
    expect(ended.pr).toBeNull()
    expect(isAlive(Number(readFileSync(join(other.folder, 'pid'), 'utf8')))).toBe(false)
    expect(readFileSync(join(ended.worktree!, 'progress.txt'), 'utf8')).toMatch(/^\d+$/m)
  } finally {
    await other.close()
  }
})

it('has done the work of an agent that behaves, beside all of these', async () => {
  const key = await world.submit(plainWork)
  await world.untilIssue(key, 'done')
  expect(await world.asUser(['show', `main:${key}.txt`])).toBe(key)
  expect(await world.asUser(['status', '--porcelain'])).toBe('')
  await until(() => world.processesLeft().length === 1, {
    what: 'the server to be the only process',
    saw: () => world.processesLeft().join('\n'),
  })
})
