import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { commit, createForge, run, tryRun, write } from './fixture.ts'

const branch = 'refs/heads/signalbox/APP-1-demo'

describe('pushing without the secret', () => {
  test('is refused, with a sentence for the agent, and changes nothing', async () => {
    const { forge, work, publish, bare, clone } = await createForge()
    await forge.start()
    const head = work({ a: 'a' })
    await publish({ head })
    const other = work({ a: 'b' }, head)
    const before = run(bare, 'for-each-ref')
    for (const ref of ['refs/heads/main', branch, 'refs/heads/new', 'refs/tags/v1']) {
      expect(() => run(clone, 'push', '--force', bare, `${other}:${ref}`)).toThrow('Only Signalbox pushes here')
    }
    expect(() => run(clone, 'push', bare, `:${branch}`)).toThrow('Only Signalbox pushes here')
    expect(run(bare, 'for-each-ref')).toBe(before)
    expect(await forge.checkRefs()).toEqual([])
  })

  test('is refused for a guessed and for an earlier secret, and whatever the user has configured', async () => {
    const fixture = await createForge()
    await fixture.forge.start()
    const head = fixture.work({ a: 'a' })
    run(fixture.user, 'config', '--global', 'core.hooksPath', join(fixture.data, 'no-hooks'))
    try {
      for (const secret of ['', 'guess', readFileSync(join(fixture.data, 'guard', 'push-secret.sha256'), 'utf8').trim()]) {
        process.env['SIGNALBOX_PUSH_SECRET'] = secret
        const env = ['-c', 'alias.as=!env SIGNALBOX_PUSH_SECRET=$1 git']
        expect(tryRun(fixture.clone, ...env, 'push', fixture.bare, `${head}:refs/heads/x`)).toBe(false)
      }
      expect(await fixture.publish({ head })).toMatchObject({ number: 1 })
      const before = readFileSync(join(fixture.data, 'guard', 'push-secret.sha256'), 'utf8')
      fixture.restart()
      expect(readFileSync(join(fixture.data, 'guard', 'push-secret.sha256'), 'utf8')).not.toBe(before)
      expect(await fixture.publish({ head: fixture.work({ a: 'b' }, head), expected: head })).toMatchObject({ number: 1 })
    } finally {
      delete process.env['SIGNALBOX_PUSH_SECRET']
      run(fixture.user, 'config', '--global', '--unset', 'core.hooksPath')
    }
  })

  test('what the hook knows is readable by the owner alone, and is not the secret', async () => {
    const { forge, data } = await createForge()
    await forge.start()
    expect(statSync(join(data, 'guard')).mode & 0o777).toBe(0o700)
    expect(statSync(join(data, 'guard', 'push-secret.sha256')).mode & 0o777).toBe(0o600)
    expect(readFileSync(join(data, 'guard', 'push-secret.sha256'), 'utf8')).toMatch(/^[0-9a-f]{64}\n$/)
  })
})

describe('refs that were moved without us', () => {
  test('are put back, recorded and reported: moved, made, deleted, the base too', async () => {
    const fixture = await createForge()
    await fixture.forge.start()
    const head = fixture.work({ a: 'a' })
    await fixture.publish({ head })
    await fixture.publish({ head, branch: 'signalbox/APP-2', issue: 'issue-2', key: 'APP-2' })
    const main = run(fixture.bare, 'rev-parse', 'main')
    const before = run(fixture.bare, 'for-each-ref')
    run(fixture.bare, 'update-ref', branch, main)
    run(fixture.bare, 'update-ref', '-d', 'refs/heads/signalbox/APP-2')
    run(fixture.bare, 'update-ref', 'refs/heads/main', head)
    run(fixture.bare, 'update-ref', 'refs/tags/evil', head)
    fixture.clock.time += 1_000
    const incidents = await fixture.forge.checkRefs('app')
    const about = { project: 'app', at: fixture.clock.time }
    expect(incidents.toSorted((a, b) => a.ref.localeCompare(b.ref))).toEqual([
      { ...about, ref: 'refs/heads/main', expected: main, found: head },
      { ...about, ref: branch, expected: head, found: main },
      { ...about, ref: 'refs/heads/signalbox/APP-2', expected: head, found: null },
      { ...about, ref: 'refs/tags/evil', expected: null, found: head },
    ])
    expect(run(fixture.bare, 'for-each-ref')).toBe(before)
    expect(fixture.forge.refIncidents('app', 0)).toEqual(incidents)
    expect(await fixture.forge.checkRefs()).toEqual([])
  })

  test('a ref that was made unreadable is written again', async () => {
    const fixture = await createForge()
    await fixture.forge.start()
    const head = fixture.work({ a: 'a' })
    await fixture.publish({ head })
    writeFileSync(join(fixture.bare, branch), 'garbage\n')
    expect(await fixture.forge.checkRefs()).toMatchObject([{ ref: branch, expected: head }])
    expect(run(fixture.bare, 'rev-parse', branch)).toBe(head)
  })

  test('a base that the user moved is followed, not reported', async () => {
    const fixture = await createForge()
    await fixture.forge.start()
    const next = commit(fixture.user, { a: 'a' })
    expect(await fixture.forge.checkRefs()).toEqual([])
    await (await fixture.forge.repository('app')).syncBase()
    expect(await fixture.forge.checkRefs()).toEqual([])
    expect(run(fixture.bare, 'rev-parse', 'main')).toBe(next)
  })

  test('a publication finds its branch moved, puts it back, and goes on', async () => {
    const fixture = await createForge()
    await fixture.forge.start()
    const head = fixture.work({ a: 'a' })
    await fixture.publish({ head })
    run(fixture.bare, 'update-ref', branch, 'main')
    const next = fixture.work({ a: 'b' }, head)
    expect(await fixture.publish({ head: next, expected: head })).toMatchObject({ number: 1, headSha: next })
    expect(fixture.forge.refIncidents('app', 0)).toMatchObject([{ ref: branch, expected: head }])
    expect(await fixture.forge.checkRefs()).toEqual([])
  })

  test('a branch made under the name of one to come does not keep it from being published', async () => {
    const fixture = await createForge()
    await fixture.forge.start()
    const head = fixture.work({ a: 'a' })
    run(fixture.bare, 'update-ref', branch, 'main')
    expect(await fixture.publish({ head })).toMatchObject({ number: 1, headSha: head })
    expect(fixture.forge.refIncidents('app', 0)).toMatchObject([{ ref: branch, expected: null }])
  })

  test('many publications and landings while refs are compared all the time report nothing', async () => {
    const fixture = await createForge()
    await fixture.forge.start()
    const heads = Array.from({ length: 8 }, (_, i) => fixture.work({ [`file-${i}`]: 'x' }))
    let busy = true
    const compare = async () => {
      const found = []
      while (busy) found.push(...(await fixture.forge.checkRefs()))
      return found
    }
    const comparisons = [compare(), compare()]
    const numbers = await Promise.all(
      heads.map(async (head, i) => {
        const { number } = await fixture.publish({ head, branch: `signalbox/${i}`, issue: `issue-${i}`, key: `APP-${i}` })
        while ((await fixture.land({ number, headSha: head })).kind !== 'landed');
        return number
      }),
    )
    busy = false
    expect(new Set(numbers).size).toBe(8)
    expect((await Promise.all(comparisons)).flat()).toEqual([])
    expect(await fixture.forge.checkRefs()).toEqual([])
    expect(run(fixture.bare, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main')
    expect(run(fixture.user, 'status', '--porcelain')).toBe('')
  })

  test('the branch of a landed pull request that a kill kept from being removed is removed without a word', async () => {
    const fixture = await createForge()
    const pullRequest = await fixture.open('one', { a: 'a' })
    await fixture.land(pullRequest)
    run(fixture.bare, 'update-ref', 'refs/heads/one', pullRequest.headSha)
    expect((await fixture.restart().start()).incidents).toEqual([])
    expect(run(fixture.bare, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main')
  })
})

describe('the guard itself', () => {
  test('a hook, hash or configuration that was changed is put back and reported', async () => {
    const fixture = await createForge()
    await fixture.forge.start()
    const head = fixture.work({ a: 'a' })
    write(join(fixture.data, 'guard', 'hooks'), { 'pre-receive': { content: '#!/bin/sh\nexit 0\n', mode: 0o755 } })
    expect(await fixture.forge.checkRefs()).toMatchObject([{ ref: 'hooks/pre-receive' }])
    expect(tryRun(fixture.clone, 'push', fixture.bare, `${head}:refs/heads/x`)).toBe(false)
    rmSync(join(fixture.data, 'guard', 'push-secret.sha256'))
    expect(tryRun(fixture.clone, 'push', fixture.bare, `${head}:refs/heads/x`)).toBe(false)
    expect(await fixture.publish({ head })).toMatchObject({ number: 1 })
    run(fixture.bare, 'config', 'core.hooksPath', '/dev/null')
    fixture.restart()
    await fixture.forge.start()
    expect(tryRun(fixture.clone, 'push', fixture.bare, `${head}:refs/heads/x`)).toBe(false)
  })
})
