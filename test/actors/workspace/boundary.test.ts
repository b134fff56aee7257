// What is found of an agent that reaches beyond its worktree, and what is no finding: in real repositories, with real git.

import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Overstepped } from '../../../src/actors/ports.ts'
import { attempt, commit, run, write } from '../repository.ts'
import { branch, request, world } from './fixture.ts'

const other = { ...request, key: 'APP-2', branch: 'signalbox/APP-2-leave' }
const turn = { project: 'app', key: 'APP-1', branch }

/** A worktree in which a turn has begun, and another issue's beside it. */
async function begun(moved: { ref: string; expected: string | null; found: string | null }[] = []) {
  let now = 1_000
  const options = {
    now: () => (now += 10),
    boundary: {
      userRepository: async (): Promise<string> => join(place.user, '.git'),
      movedRefs: async () => moved,
    },
  }
  const place = world(undefined, options)
  const { path } = await place.prepare()
  const beside = await place.workspace.prepare({ ...other, keep: false, runId: 'run-1' })
  expect(await place.workspace.enclose(turn)).toBeNull()
  return {
    ...place,
    beside: beside.path,
    config: (...args: string[]) => run(path, 'config', ...args),
    commits: (message = 'of the turn') => commit(path, { 'work.txt': `${message}\n` }, message),
    end: (reviewer = false): Promise<Overstepped> => place.workspace.overstepped(reviewer ? { ...turn, branch: null } : turn),
  }
}

const whats = (changes: Overstepped['certain']): string[] => changes.map(({ what }) => what)

describe('nothing is found of', () => {
  it('a turn that commits, stashes, makes branches and tags of its own, and fetches', async () => {
    const { path, commits, end, advanceBase } = await begun()
    commits()
    write(path, { 'stash.txt': 'x' })
    run(path, 'stash', 'push', '--include-untracked', '--quiet')
    run(path, 'branch', 'a-thought')
    run(path, 'tag', 'v1')
    advanceBase({ 'base.txt': 'moved' })
    run(path, 'fetch', '--quiet', 'origin')
    expect(await end()).toEqual({ certain: [], doubtful: [], beside: [] })
  })

  it('what tools write by the way when they are installed', async () => {
    const { path, clone, config, end } = await begun()
    config('core.hooksPath', '.husky/_')
    config('core.hooksPath', join(path, '.husky'))
    config('user.email', 'agent@example.com')
    config('filter.lfs.smudge', 'git-lfs smudge -- %f')
    config('merge.ours.driver', 'true')
    config('include.path', '../.gitconfig')
    config('core.fsmonitor', 'true')
    write(clone, { 'hooks/pre-commit': '#!/bin/sh\n' })
    expect(await end()).toMatchObject({ certain: [], doubtful: [] })
  })

  it('a user who commits, changes branch and configures meanwhile', async () => {
    const { user, commits, end } = await begun()
    commits()
    commit(user, { 'mine.txt': 'x' }, 'of the user')
    run(user, 'checkout', '--quiet', '-b', 'feature')
    run(user, 'config', 'branch.feature.description', 'x')
    expect(await end()).toMatchObject({ certain: [], doubtful: [] })
  })

  it('another issue’s branch that its own agent moves, or we do', async () => {
    const { workspace, beside, end } = await begun()
    await workspace.enclose({ ...other })
    commit(beside, { 'theirs.txt': 'x' }, 'of the other')
    await workspace.overstepped({ ...other })
    expect(await end()).toMatchObject({ certain: [], doubtful: [] })

    const next = await begun()
    await next.workspace.remove({ ...other, landed: run(next.beside, 'rev-parse', 'HEAD') })
    expect(attempt(next.clone, 'rev-parse', '--verify', `refs/heads/${other.branch}`).code).not.toBe(0)
    expect(await next.end()).toMatchObject({ certain: [], doubtful: [] })
  })
})

describe('certain is', () => {
  it('another issue’s branch that gets the commits of the turn', async () => {
    const { path, commits, end } = await begun()
    const head = commits()
    run(path, 'update-ref', `refs/heads/${other.branch}`, head)
    expect(await end()).toMatchObject({ certain: [{ what: `refs/heads/${other.branch} of the clone`, to: head }], doubtful: [] })
  })

  it('a new branch with the name of another issue’s that gets them, and no other new one', async () => {
    const { path, commits, end } = await begun()
    const head = commits()
    run(path, 'update-ref', 'refs/heads/signalbox/APP-3-plan', head)
    run(path, 'update-ref', 'refs/heads/signalbox/APP-1-again', head)
    run(path, 'update-ref', 'refs/heads/signalbox/utf-8', head)
    expect(await end()).toMatchObject({
      certain: [{ what: 'refs/heads/signalbox/APP-3-plan of the clone', from: null, to: head }],
      doubtful: [],
    })
  })

  it.each([
    ['APP-2-1', 'APP-2-7-plan', ['APP-2-1-again', 'APP-2-1', 'app-2-1-x', 'wip-1', 'wip-2', 'APP-2']],
    ['WEB-APP-3', 'WEB-APP-4', ['WEB-APP-3-again', 'APP-4', 'fix-4']],
  ])('of %s the branch %s, and none of its own', async (key, planted, own) => {
    const place = world()
    const turnOf = { project: 'app', key, branch: `signalbox/${key}-greet` }
    const { path } = await place.workspace.prepare({ ...turnOf, base: 'trunk', keep: false, runId: 'run-1' })
    run(path, 'branch', 'signalbox/wip-0')
    await place.workspace.enclose(turnOf)
    const head = commit(path, { 'work.txt': 'x' }, 'of the turn')
    for (const name of [planted, ...own]) run(path, 'update-ref', `refs/heads/signalbox/${name}`, head)
    const { certain, doubtful } = await place.workspace.overstepped(turnOf)
    expect([whats(certain), doubtful]).toEqual([[`refs/heads/signalbox/${planted} of the clone`], []])
  })

  it('a branch of the user’s that gets a commit which the turn has put another in the place of, or calls published', async () => {
    const { user, path, commits, end } = await begun()
    run(user, 'checkout', '--quiet', '-b', 'elsewhere')
    commits()
    run(path, 'push', '--quiet', user, 'HEAD:refs/heads/trunk')
    run(path, 'commit', '--quiet', '--amend', '--message', 'of the turn, in other words')
    expect(whats((await end()).certain)).toEqual([`refs/heads/trunk of ${join(user, '.git')}`])

    const again = await begun()
    run(again.user, 'checkout', '--quiet', '-b', 'elsewhere')
    again.commits()
    run(again.path, 'push', '--quiet', again.user, 'HEAD:refs/heads/trunk')
    run(again.path, 'update-ref', 'refs/remotes/origin/trunk', 'HEAD')
    expect(whats((await again.end()).certain)).toEqual([`refs/heads/trunk of ${join(again.user, '.git')}`])
  })

  it('the same where a branch leads to nothing, as another agent may have left it', async () => {
    const { path, clone, commits, workspace } = await begun()
    await workspace.overstepped(turn)
    writeFileSync(join(clone, 'refs/heads/signalbox/nothing'), `${'1'.repeat(40)}\n`)
    await workspace.enclose(turn)
    const head = commits()
    run(path, 'update-ref', `refs/heads/${other.branch}`, head)
    expect(whats((await workspace.overstepped(turn)).certain)).toEqual([`refs/heads/${other.branch} of the clone`])
  })

  it('a branch of the user’s repository that gets them, as they are or merged', async () => {
    const { user, path, commits, end } = await begun()
    run(user, 'checkout', '--quiet', '-b', 'elsewhere')
    commits()
    run(path, 'push', '--quiet', user, 'HEAD:refs/heads/trunk')
    const found = await end()
    expect(whats(found.certain)).toEqual([`refs/heads/trunk of ${join(user, '.git')}`])

    const again = await begun()
    again.commits()
    commit(again.user, { 'mine.txt': 'x' }, 'of the user')
    run(again.user, 'pull', '--quiet', '--no-rebase', '--no-edit', again.path, branch)
    expect(whats((await again.end()).certain)).toEqual([`refs/heads/trunk of ${join(again.user, '.git')}`])
  })

  it.each([
    ['core.sshCommand', 'sh -c "curl evil"'],
    ['core.fsmonitor', 'sleep 60'],
    ['core.hooksPath', '/elsewhere/hooks'],
    ['remote.origin.pushUrl', 'https://example.com/mine.git'],
    ['credential.helper', 'store'],
    ['url.https://evil/.pushInsteadOf', 'https://github.com/'],
    ['include.path', '/elsewhere/config'],
  ])('the setting %s of what all worktrees share', async (name, value) => {
    const { config, end } = await begun()
    config(name, value)
    const { certain } = await end()
    expect(certain).toMatchObject([{ to: value }])
    expect(certain[0]!.what.toLowerCase()).toContain(name.toLowerCase())
  })

  it('a setting that another issue’s verification has taken out before the turn ended, and tells whose agents were there', async () => {
    const { workspace, config, end, beside, clone } = await begun()
    await workspace.enclose({ ...other })
    config('core.sshCommand', 'evil')
    await workspace.inspect({ ...other, since: run(beside, 'rev-parse', 'HEAD') })
    expect(attempt(clone, 'config', 'core.sshCommand').code).toBe(1)
    expect(await end()).toMatchObject({ certain: [{ what: 'the setting core.sshcommand of the clone', to: 'evil' }], beside: ['APP-2'] })
    // What was there before the next turn is not of that one.
    expect(await workspace.enclose(turn)).toBeNull()
    expect(await end()).toMatchObject({ certain: [] })
  })

  it('the HEAD of the clone, and what the forge says of its repository', async () => {
    const moved = [{ ref: 'refs/heads/trunk', expected: 'a', found: 'b' }]
    const { clone, end } = await begun(moved)
    writeFileSync(join(clone, 'HEAD'), 'ref: refs/heads/other\n')
    expect(whats((await end()).certain)).toEqual(['refs/heads/trunk of our own repository', 'HEAD of the clone'])
  })

  it('where git finds the clone from the worktree, also when it leads to one with the same branch', async () => {
    const { path, clone, commits, end } = await begun()
    commits()
    const mine = `${clone}.mine`
    cpSync(clone, mine, { recursive: true })
    writeFileSync(join(run(path, 'rev-parse', '--absolute-git-dir'), 'commondir'), mine)
    expect(whats((await end()).certain)).toEqual(['what says to git which repository the worktree belongs to'])
  })

  it('all of this of a reviewer too, who has no branch', async () => {
    const { config, end } = await begun()
    config('core.askPass', 'evil')
    expect(whats((await end(true)).certain)).toEqual(['the setting core.askpass of the clone'])
  })
})

describe('an operator is to look at', () => {
  it('another issue’s branch that was moved or deleted while nobody known was at work on it', async () => {
    const { path, clone, end } = await begun()
    run(path, 'update-ref', '-d', `refs/heads/${other.branch}`)
    expect(await end()).toMatchObject({ certain: [], doubtful: [{ what: `refs/heads/${other.branch} of the clone`, to: null }] })
    expect(run(clone, 'for-each-ref', 'refs/heads')).not.toContain(other.branch)
  })

  it('kept work of another issue that is gone or another', async () => {
    const { clone, path, workspace, beside, end } = await begun()
    await workspace.overstepped(turn)
    for (const text of ['one', 'two']) {
      write(beside, { 'theirs.txt': text })
      await workspace.save({ ...other, reason: 'a test' })
    }
    await workspace.enclose(turn)
    const [one, two] = run(clone, 'for-each-ref', '--format=%(refname)', 'refs/signalbox/saved').split('\n')
    run(path, 'update-ref', '-d', one!)
    run(path, 'update-ref', two!, 'HEAD')
    write(beside, { 'theirs.txt': 'three' })
    await workspace.save({ ...other, reason: 'a test' }) // ours, meanwhile
    const { certain, doubtful } = await end()
    expect(certain).toEqual([])
    expect(whats(doubtful)).toEqual([`${one} of the clone`, `${two} of the clone`])
  })

  it('a new branch with the name of another issue’s, whatever it holds', async () => {
    const { path, end } = await begun()
    run(path, 'update-ref', 'refs/heads/signalbox/APP-3-plan', 'HEAD')
    expect(await end()).toMatchObject({ certain: [], doubtful: [{ what: 'refs/heads/signalbox/APP-3-plan of the clone', from: null }] })
  })

  it('hooks and settings of the user’s repository, and a new branch there that has the commits of the turn', async () => {
    const { user, path, commits, end } = await begun()
    commits()
    write(user, { '.git/hooks/post-checkout': '#!/bin/sh\n' })
    run(user, 'config', 'core.sshCommand', 'evil')
    run(path, 'push', '--quiet', user, 'HEAD:refs/heads/looked-at')
    const { certain, doubtful } = await end()
    expect(certain).toEqual([])
    expect(whats(doubtful).toSorted()).toEqual(
      [
        `hooks/post-checkout of ${user}/.git`,
        `refs/heads/looked-at of ${user}/.git`,
        `the setting core.sshcommand of ${user}/.git`,
      ].toSorted(),
    )
  })
})

it('a turn that a kill has cut off is compared by the next process, before another begins', async () => {
  const { path, commits, config, reopen } = await begun()
  const head = commits()
  config('core.sshCommand', 'evil')
  run(path, 'update-ref', `refs/heads/${other.branch}`, head)
  run(path, 'update-ref', 'refs/heads/signalbox/APP-3-plan', `${head}~1`)
  const next = reopen()
  // Which puts the clone right, and finds out what was wrong with it all the same.
  await next.prepare({ ...request, keep: true, runId: 'run-1' })
  const found = await next.enclose(turn)
  expect(whats(found!.certain)).toEqual(['the setting core.sshcommand of the clone', `refs/heads/${other.branch} of the clone`])
  expect(await next.overstepped(turn)).toMatchObject({ certain: [] })
  expect(await next.enclose(turn)).toBeNull()
})
