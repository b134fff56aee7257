// Check commands that are absent, endless or loud: what becomes of the pull request, and that nothing of the agent's budget goes.

import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWorld, isAlive, plainWork, until, type World } from './harness.ts'

let world: World

beforeAll(async () => {
  world = createWorld({
    projects: [
      { id: 'absent', ci: { command: 'no-such-check --all' } },
      { id: 'endless', ci: { command: 'sleep 1010 & echo $! > "$HOME/check.pid"; sleep 1011', timeout: '1s' } },
      { id: 'loud', ci: { command: `yes "a line of the check" | head -c 1000000000; exit 3` }, budgets: { ci_repair: 1 } },
      { id: 'plain', ci: { command: 'test -f README.md' } },
    ],
  })
  await world.start()
})

afterAll(async () => {
  await world.close()
})

describe('a check command', () => {
  it('that does not exist is waited for and told to the operator; no repair is spent, and what is mended is taken up', async () => {
    const key = await world.submit(plainWork, { project: 'absent' })
    const waiting = await world.untilIssue(key, ({ waitsFor }) => waitsFor.some(({ party }) => party === 'operator'))
    expect(waiting).toMatchObject({ phase: 'pr_open', pr: { checks: 'pending' }, attempts: { ci_repair: 0, implementation: 1 } })
    expect(waiting.waitsFor.find(({ party }) => party === 'operator')!.reason).toMatch(/cannot run: .*(127|not found|does not exist)/s)
  })

  it('that does not end is ended with what it started, and no repair is spent', async () => {
    const key = await world.submit(plainWork, { project: 'endless' })
    const waiting = await world.untilIssue(key, ({ waitsFor }) => waitsFor.some(({ party }) => party === 'operator'))
    expect(waiting).toMatchObject({ phase: 'pr_open', attempts: { ci_repair: 0 } })
    expect(waiting.waitsFor.find(({ party }) => party === 'operator')!.reason).toMatch(/1 s|did not end/)
    expect(isAlive(Number(readFileSync(join(world.folder, 'home', 'check.pid'), 'utf8')))).toBe(false)
  })

  it('that prints a gigabyte and fails gives its end to the repair, and keeps little', { timeout: 150_000 }, async () => {
    const key = await world.submit(
      `if [ "$SIGNALBOX_RUN_TYPE" = ci_repair ]; then cp "$SIGNALBOX_CONTEXT_FILE" "$WORLD/repair.json"; exit 1; fi
${plainWork}`,
      { project: 'loud' },
    )
    const ended = await world.untilIssue(key, 'escalated', 120_000)
    expect(ended).toMatchObject({ pr: { checks: 'failed' }, attempts: { ci_repair: 1 } })
    const { checks } = JSON.parse(readFileSync(join(world.folder, 'repair.json'), 'utf8')) as {
      checks: { failures: { logTail: string; summary: string }[] }
    }
    expect(checks.failures[0]!.logTail).toContain('a line of the check')
    expect(checks.failures[0]!.logTail.length).toBeLessThan(5_000)
    expect(checks.failures[0]!.summary).toContain('3')
    expect(statSync(join(world.data, 'signalbox.db')).size).toBeLessThan(20_000_000)
  })

  it('of another project goes on beside these', async () => {
    const key = await world.submit(plainWork, { project: 'plain' })
    await world.untilIssue(key, 'done')
    expect(await world.asUser(['show', `main:${key}.txt`], 'plain')).toBe(key)
  })

  it('that is mended in the configuration lets the waiting issue land after a restart', async () => {
    await world.stop()
    const text = readFileSync(world.config, 'utf8').replace('no-such-check --all', 'test -f notes.txt')
    writeFileSync(world.config, text)
    await world.start()
    await until(async () => (await world.issue('ABSENT-1')).phase === 'done', {
      what: 'ABSENT-1 to land',
      saw: () => '',
      patience: 30_000,
    })
  })
})
