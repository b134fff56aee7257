// The reading commands on a database with a story in it, with the server running and without: what they print for people and for
// programs, how following ends, and keys that name nothing or two issues.

import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FeedEntry, TimelineEntry } from '../../src/app.ts'
import { createWorld, plainWork, program, until, type Outcome, type World } from './harness.ts'

let world: World

beforeAll(async () => {
  world = createWorld({
    projects: [{ id: 'app' }, { id: 'rev', review: 'human' }, { id: 'poor', agentCommand: 'exit 1', budgets: { implementation: 1 } }],
  })
  await world.start()
  world.setScript('APP-1', plainWork)
  world.setScript('REV-1', plainWork)
  await file('APP-1', 'First', '--project', 'app')
  await file('REV-1', 'Reviewed', '--project', 'rev')
  await file('POOR-1', 'Fails', '--project', 'poor')
  await world.untilIssue('APP-1', 'done')
  await world.untilIssue('POOR-1', 'escalated')
  await world.untilIssue('REV-1', ({ pr, run }) => pr !== null && run === null)
  // A project under another id counts anew: then a key may name an issue of each.
  await world.stop()
  writeFileSync(world.config, readFileSync(world.config, 'utf8').replace('"id": "app"', '"id": "App"'))
  await world.start()
  await file('APP-1', 'Other', '--project', 'App', '--hold')
})

/** Its key alone is what submit prints. */
async function file(key: string, ...words: string[]): Promise<void> {
  const { stdout, stderr } = await world.run('submit', ...words)
  if (stdout !== `${key}\n`) throw new Error(`submit printed ${stdout}${stderr}`)
}

afterAll(async () => {
  await world.close()
})

/** One document and nothing else. */
function documentOf({ code, stdout }: Outcome): any {
  expect(code).toBe(0)
  return JSON.parse(stdout)
}

/** A command that follows, until it printed `wanted`, and then interrupted. */
async function follow(
  words: string[],
  wanted: (lines: string[]) => boolean,
  during: () => Promise<unknown> = async () => {},
): Promise<string[]> {
  const child = spawn(process.execPath, [program, ...words, '--config', world.config], { stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += String(chunk)))
  const lines = (): string[] => text.split('\n').slice(0, -1)
  try {
    await until(() => lines().length > 0, { what: `${words.join(' ')} to begin` })
    await during()
    await until(() => wanted(lines()), { what: `${words.join(' ')} to go on`, saw: () => text })
    return lines()
  } finally {
    child.kill('SIGINT')
  }
}

const reading: [string[], (document: any) => void][] = [
  [['status'], ({ issues, next }) => expect([issues.length, next]).toEqual([4, null])],
  [['status', '--project', 'rev'], ({ issues }) => expect(issues).toMatchObject([{ key: 'REV-1' }])],
  [['status', '--phase', 'done'], ({ issues }) => expect(issues).toMatchObject([{ key: 'APP-1', project: 'app' }])],
  [['status', 'rev-1'], (document) => expect(document).toMatchObject({ key: 'REV-1', pr: { number: 1 } })],
  [['status', 'App/APP-1'], (document) => expect(document).toMatchObject({ project: 'App', title: 'Other' })],
  [['explain', 'POOR-1'], ({ key, actions }) => expect([key, actions.includes('retry')]).toEqual(['POOR-1', true])],
  [['timeline', 'REV-1'], ({ entries }) => expect(entries.length).toBeGreaterThan(10)],
  [['replay', 'REV-1'], ({ at, snapshots }) => expect([at, snapshots[0].status]).toEqual([null, 'active'])],
  [['feed'], ({ entries }) => expect(entries.length).toBeGreaterThan(5)],
  [['logs'], ({ lines }) => expect(lines.length).toBeGreaterThan(5)],
  [['logs', 'REV-1'], ({ lines }) => expect(new Set(lines.map(({ issue }: { issue: string }) => issue))).toEqual(new Set(['REV-1']))],
  [['verify'], ({ ok, different }) => expect([ok, different]).toEqual([true, []])],
  [['version'], ({ version, machines }) => expect([version, machines.length > 3]).toEqual(['0.2.0', true])],
]

function everyReadingCommand(): void {
  it.concurrent.each(reading)('%j prints one JSON document, or text', async (words, check) => {
    const [json, people] = await Promise.all([world.run(...words, '--json'), world.run(...words)])
    check(documentOf(json))
    expect(people.code).toBe(0)
    expect(people.stdout).not.toMatch(/^\{/)
    expect(people.stdout).not.toContain('\u001b[')
  })
}

describe('with a server', () => {
  everyReadingCommand()

  it('a key that names two issues is refused with both names, for reading and for changing', async () => {
    const commands = [
      ['status'],
      ['explain'],
      ['timeline'],
      ['replay'],
      ['logs'],
      ['stop'],
      ['retry'],
      ['approve'],
      ['prompt', 'text'],
      ['cancel'],
    ]
    for (const [name, ...rest] of commands) {
      const { code, stdout, stderr } = await world.run(name!, 'APP-1', ...rest)
      expect({ name, code, stdout }).toEqual({ name, code: 1, stdout: '' })
      expect(stderr).toContain('App/APP-1')
      expect(stderr).toContain('app/APP-1')
    }
  })

  it('a key, a project or a phase that is not there is told', async () => {
    expect(await world.run('logs', 'APP-99')).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('APP-99') })
    expect(await world.run('status', '--project', 'ap')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('Did you mean App?'),
    })
    expect(await world.run('status', '--phase', 'don')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('Did you mean done?'),
    })
  })

  it('the timeline has each transition beside the event that made it, and the last is where the issue is', async () => {
    const { entries } = documentOf(await world.run('timeline', 'REV-1', '--json')) as { entries: TimelineEntry[] }
    const own = entries.filter(({ address }) => /^issue\/[^/]+$/.test(address))
    const issue = await world.issue('REV-1')
    const values = own.flatMap(({ value }) => (value === undefined ? [] : [value]))
    expect(values.length).toBeGreaterThan(2)
    expect(values.at(-1)).toEqual(issue.value)
    for (const [index, value] of values.entries()) if (index > 0) expect(value).not.toEqual(values[index - 1])
    expect(entries.filter(({ address, value }) => address.endsWith('/run-1') && value !== undefined).length).toBeGreaterThan(2)
    const { stdout } = await world.run('timeline', 'REV-1')
    expect(stdout).toMatch(/#\d+ +issue +xstate\.init +by external +→ authority\./)
    expect(stdout).toMatch(/#\d+ +run-1 +/)
    expect(stdout).not.toContain('issue/')
  })

  it('replay at a point is the state that the timeline has there', async () => {
    const { entries } = documentOf(await world.run('timeline', 'REV-1', '--json')) as { entries: TimelineEntry[] }
    const point = entries.filter(({ address, value }) => /^issue\/[^/]+$/.test(address) && value !== undefined)[1]!
    const { at, snapshots } = documentOf(await world.run('replay', 'REV-1', '--at', String(point.seq), '--json'))
    expect(at).toBe(point.seq)
    expect(snapshots[0]).toMatchObject({ address: point.address, seq: point.seq, value: point.value })
  })

  it('following an issue ends with 0 when it is done, and with 3 when a human is needed, be it for a review', async () => {
    expect(await world.run('status', 'app/APP-1', '--follow')).toMatchObject({ code: 0, stdout: expect.stringContaining('done') })
    expect(await world.run('status', 'POOR-1', '--follow')).toMatchObject({ code: 3, stdout: expect.stringContaining('human') })
    const review = await world.run('status', 'REV-1', '--follow', '--json')
    expect(review.code).toBe(3)
    expect(
      review.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).key),
    ).toEqual(['REV-1'])
  })

  it('feed and timeline go on with what happens, one JSON line each; the feed may be of what is grave alone', async () => {
    const followed = Promise.all([
      follow(['timeline', 'POOR-1', '--follow', '--json'], (lines) => lines.some((line) => line.includes('operator.retried'))),
      follow(
        ['feed', '--follow', '--level', 'error', '--json'],
        (lines) => lines.length > 1,
        () => world.act('POOR-1', { action: 'retry' }),
      ),
    ])
    const [timeline, feed] = await followed
    expect(timeline.map((line) => (JSON.parse(line) as TimelineEntry).seq)).toEqual(
      timeline.map((line) => JSON.parse(line).seq).toSorted((a, b) => a - b),
    )
    expect(new Set(feed.map((line) => (JSON.parse(line) as FeedEntry).level))).toEqual(new Set(['error']))
    expect(feed.map((line) => (JSON.parse(line) as FeedEntry).issue)).toEqual(['POOR-1', 'POOR-1'])
  })

  it('explain says what a person can do, and each thing once', async () => {
    const { stdout } = await world.run('explain', 'POOR-1')
    expect(stdout).toMatch(/signalbox retry POOR-1/)
    const moves = stdout.split('What would move it\n')[1]!.split('\n\n')[0]!.split('\n')
    expect(new Set(moves).size).toBe(moves.length)
    expect(moves.join('\n')).not.toContain('xstate.')
  })

  it('a backup is taken while it works, and a restore is refused', async () => {
    const file = join(world.folder, 'backup.db')
    expect(documentOf(await world.run('backup', file, '--json'))).toMatchObject({ file })
    expect(await world.run('backup', file)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('--force') })
    expect(await world.run('restore', file)).toMatchObject({ code: 4, stdout: '' })
  })
})

describe('without a server', () => {
  beforeAll(async () => {
    await world.stop()
  })

  everyReadingCommand()

  it('changing commands say so', async () => {
    for (const words of [
      ['submit', 'A', '--project', 'rev'],
      ['stop', 'REV-1'],
      ['approve', 'REV-1'],
      ['pause'],
      ['resume'],
      ['drain'],
      ['inspect'],
    ]) {
      const { code, stdout, stderr } = await world.run(...words)
      expect({ words, code, stdout }).toEqual({ words, code: 1, stdout: '' })
      expect(stderr).toContain('signalbox start')
    }
  })

  it('a backup is put back over what came later, and doctor and verify agree', async () => {
    const file = join(world.folder, 'backup.db')
    expect((await world.run('restore', file)).code).toBe(0)
    expect(documentOf(await world.run('verify', '--json'))).toMatchObject({ ok: true })
    await world.start()
    expect((await world.issue('REV-1')).pr).toMatchObject({ number: 1 })
    await world.act('REV-1', { action: 'approve' })
    await world.untilIssue('REV-1', 'done')
    await world.stop()
  })

  it('doctor exits 3 for a FAIL, with what to do', async () => {
    const text = readFileSync(world.config, 'utf8')
    writeFileSync(world.config, text.replace('"exit 1"', '"no-such-agent --fast"'))
    try {
      const { code, stdout } = await world.run('doctor')
      expect(code).toBe(3)
      expect(stdout).toMatch(/FAIL {2}agents\.poor\.command: no-such-agent is not found.*\n +→ Install no-such-agent/)
    } finally {
      writeFileSync(world.config, text)
    }
  })

  it('verify exits 3 when a snapshot is not what its journal gives', async () => {
    const copy = join(world.folder, 'spoilt.db')
    expect((await world.run('backup', copy, '--force')).code).toBe(0)
    const { default: Database } = await import('better-sqlite3')
    const database = new Database(copy)
    const { changes } = database
      .prepare(`UPDATE actor SET snapshot = replace(snapshot, '"delegated":true', '"delegated":false') WHERE address LIKE 'issue/%'`)
      .run()
    database.close()
    expect(changes).toBeGreaterThan(0)
    const text = readFileSync(world.config, 'utf8')
    writeFileSync(world.config, text.replace('signalbox.db', '../spoilt.db'))
    try {
      const { code, stdout } = await world.run('verify', '--json')
      expect(code).toBe(3)
      expect(JSON.parse(stdout)).toMatchObject({ ok: false })
    } finally {
      writeFileSync(world.config, text)
      for (const end of ['', '-wal', '-shm', '.lock']) if (existsSync(copy + end)) rmSync(copy + end)
    }
  })
})
