import Database from 'better-sqlite3'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { createLocalTracker, type LocalTracker } from '../../../src/actors/tracker/local.ts'
import { createFactOutbox, type FactOutbox } from '../../../src/persistence/fact-outbox.ts'
import { migrations } from '../../../src/persistence/migrations.ts'
import { trackerContract } from './contract.ts'

interface Fixture {
  tracker: LocalTracker
  outbox: FactOutbox
  database: Database.Database
  clock: { time: number }
  woken: () => number
  /** What is owed to the actors since the last call, as [key, type, …chosen payload]. */
  told: () => { to: string; event: Record<string, unknown> }[]
  reopen: () => LocalTracker
}

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean()
})

function create(projects = ['app']): Fixture {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-tracker-'))
  let database = new Database(join(folder, 'signalbox.db'))
  database.pragma('journal_mode = WAL')
  database.pragma('foreign_keys = ON')
  for (const { sql } of migrations) database.exec(sql)
  cleanups.push(() => {
    database.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const clock = { time: 1_000 }
  let woken = 0
  let ids = 0
  const now = () => clock.time
  const wake = () => {
    if (database.inTransaction) throw new Error('woken before the commit')
    woken += 1
  }
  const open = () => createLocalTracker({ database, projects: projects.map((id) => ({ id })), now, wake, newId: () => `id-${++ids}` })
  const outbox = createFactOutbox({ database, now, wake })
  return {
    tracker: open(),
    outbox,
    database,
    clock,
    woken: () => woken,
    told() {
      const facts = outbox.undelivered()
      outbox.markDelivered(facts.map((fact) => fact.seq))
      return facts.map((fact) => ({ to: fact.issue, event: fact.event }))
    },
    reopen() {
      database.close()
      database = new Database(join(folder, 'signalbox.db'))
      database.pragma('foreign_keys = ON')
      return open()
    },
  }
}

const types = (told: { to: string; event: Record<string, unknown> }[]) => told.map(({ to, event }) => `${to} ${String(event['type'])}`)

trackerContract('local', async () => {
  const { tracker } = create()
  return {
    tracker,
    project: 'app',
    file: async (title, options) => tracker.submit({ title, ...options }),
    remove: async (id) => tracker.remove(id),
    comments: async (id) => tracker.comments(id).map((comment) => comment.text),
    close: async () => {},
  }
})

describe('submitting', () => {
  test('numbers are counted for each project, in the capitals of its id', () => {
    const { tracker } = create(['app', 'web-site'])
    const keys = ['app', 'web-site', 'app', 'web-site'].map((project) => tracker.submit({ title: 'T', project }).key)
    expect(keys).toEqual(['APP-1', 'WEB-SITE-1', 'APP-2', 'WEB-SITE-2'])
  })

  test('the actor is told everything about a delegated issue, in the same commit', () => {
    const { tracker, told, woken } = create()
    const issue = tracker.submit(
      { title: '  Add a\n\tbutton ', body: 'Blue.\n', labels: [' ui ', 'ui', 'new'], priority: 2 },
      { author: 'kim' },
    )
    expect(issue).toMatchObject({ id: 'id-1', key: 'APP-1', title: 'Add a button', stateType: 'unstarted', delegated: true })
    expect(woken()).toBe(1)
    expect(told()).toEqual([
      {
        to: 'id-1',
        event: {
          type: 'tracker.delegated',
          source: 'operator',
          observedAt: 1_000,
          key: 'APP-1',
          title: 'Add a button',
          description: 'Blue.\n',
          url: 'signalbox:APP-1',
          state: 'Todo',
          stateType: 'unstarted',
          priority: 2,
          labels: ['ui', 'new'],
          parent: null,
          children: [],
          blockedBy: [],
          links: [],
          delegated: true,
          actor: 'kim',
        },
      },
    ])
  })

  test('a held issue is known and not delegated', () => {
    const { tracker, told } = create()
    expect(tracker.submit({ title: 'Later', hold: true })).toMatchObject({ delegated: false, stateType: 'backlog' })
    expect(told().map(({ event }) => [event['type'], event['delegated']])).toEqual([['tracker.updated', false]])
    tracker.delegate('APP-1')
    expect(told().map(({ event }) => [event['type'], event['delegated'], event['stateType']])).toEqual([
      ['tracker.delegated', true, 'unstarted'],
    ])
  })

  test('the same request key files one issue, also after a restart', () => {
    const fixture = create()
    const first = fixture.tracker.submit({ title: 'Once' }, { key: 'k' })
    expect(fixture.tracker.submit({ title: 'Once' }, { key: 'k' })).toEqual(first)
    expect(fixture.told()).toHaveLength(1)
    const tracker = fixture.reopen()
    expect(tracker.submit({ title: 'Once' }, { key: 'k' }).key).toBe('APP-1')
    expect(tracker.submit({ title: 'Twice' }, { key: 'l' }).key).toBe('APP-2')
  })

  test.each([
    [{ title: '' }, 'title is empty.'],
    [{ title: ' \n\t\u0000 ' }, 'title is empty.'],
    [{ title: 'x'.repeat(10_000) }, 'title is 10000 characters long; at most 500 are allowed.'],
    [{}, 'title is missing.'],
    [{ title: 7 }, 'title must be a text.'],
    [{ title: 'T', body: 'x'.repeat(256 * 1024 + 1) }, 'body is 262145 bytes long; at most 262144 are allowed.'],
    [{ title: 'T', body: 'é'.repeat(128 * 1024 + 1) }, 'body is 262146 bytes long; at most 262144 are allowed.'],
    [{ title: 'T', priority: 5 }, 'priority must be 0 (none), 1 (urgent), 2, 3 or 4 (low).'],
    [{ title: 'T', priority: 1.5 }, 'priority must be 0 (none), 1 (urgent), 2, 3 or 4 (low).'],
    [{ title: 'T', priority: '1' }, 'priority must be a number: 0 none, 1 urgent, 2 high, 3 medium, 4 low.'],
    [{ title: 'T', labels: 'ui' }, 'labels must be a list of texts.'],
    [{ title: 'T', labels: ['ok', ' '] }, 'labels.1 is empty.'],
    [{ title: 'T', labels: ['x'.repeat(101)] }, 'labels.0 is 101 characters long; at most 100 are allowed.'],
    [{ title: 'T', hold: 'yes' }, 'hold must be true or false.'],
    [{ title: 'T', blockedby: ['APP-1'] }, 'blockedby is not a field here; did you mean blockedBy?'],
    ['T', 'The submission must be an object.'],
  ])('refuses %j and says why', (submission, message) => {
    const { tracker, told } = create()
    const submit = () => tracker.submit(submission as { title: string })
    expect(submit).toThrow(expect.objectContaining({ name: 'ConfigurationError', code: 'invalid-input', message }))
    expect(told()).toEqual([])
    expect(tracker.list().issues).toEqual([])
  })

  test('a title of 500 characters outside the basic plane is allowed and kept', () => {
    const { tracker } = create()
    const title = '🚂'.repeat(500)
    expect(tracker.submit({ title }).title).toBe(title)
    expect(tracker.get('APP-1').title).toBe(title)
  })

  test('a project must be named when there are several, and a misspelt one is suggested', () => {
    const { tracker } = create(['app', 'site'])
    expect(() => tracker.submit({ title: 'T' })).toThrow(expect.objectContaining({ code: 'project-required' }))
    expect(() => tracker.submit({ title: 'T', project: 'ap' })).toThrow('project: there is no project ap. Did you mean app?')
  })

  test('a refused issue takes no number', () => {
    const { tracker } = create()
    expect(() => tracker.submit({ title: 'T', blockedBy: ['APP-9'] })).toThrow('there is no issue APP-9')
    expect(tracker.submit({ title: 'T' }).key).toBe('APP-1')
  })
})

describe('naming an issue', () => {
  test('an id, a key in any case and PROJECT/KEY name it', () => {
    const { tracker } = create()
    const { id } = tracker.submit({ title: 'T' })
    for (const name of [id, 'APP-1', 'app-1', 'app/APP-1']) expect(tracker.get(name).id).toBe(id)
    expect(() => tracker.get('APP-2')).toThrow(expect.objectContaining({ name: 'FatalError', code: 'unknown-issue' }))
  })

  test('a key of two projects must be qualified', () => {
    const { tracker } = create(['app', 'App'])
    tracker.submit({ title: 'small', project: 'app' })
    tracker.submit({ title: 'large', project: 'App' })
    expect(() => tracker.get('APP-1')).toThrow('APP-1 names 2 issues. Say which: App/APP-1, app/APP-1.')
    expect(tracker.get('App/APP-1').title).toBe('large')
    expect(tracker.submit({ title: 'T', project: 'App', blockedBy: ['APP-1'] }).blockedBy).toEqual([
      { key: 'APP-1', resolved: false, state: 'unstarted' },
    ])
    tracker.close('App/APP-1', 'done')
    expect(tracker.get('App/APP-2').blockedBy).toMatchObject([{ key: 'APP-1', resolved: true }])
  })
})

describe('blockers', () => {
  test('what a part waits for waits for no part: its parent, or one that waits for that', () => {
    const { tracker } = create()
    tracker.submit({ title: 'Whole' })
    tracker.submit({ title: 'After it', blockedBy: ['APP-1'] })
    const before = tracker.list()
    const cycle = expect.objectContaining({ code: 'dependency-cycle', message: expect.stringContaining('APP-3') as string })
    for (const blockedBy of [['APP-1'], ['APP-2']])
      expect(() => tracker.submit({ title: 'Part', parent: 'APP-1', blockedBy })).toThrow(cycle)
    expect(tracker.list()).toEqual(before)
    tracker.submit({ title: 'Part', parent: 'APP-1' })
    expect(() => tracker.update('APP-3', { blockedBy: ['APP-2'] })).toThrow(cycle)
    expect(() => tracker.update('APP-2', { parent: 'APP-3' })).toThrow(expect.objectContaining({ code: 'dependency-cycle' }))
    // Parts may wait for each other.
    expect(tracker.submit({ title: 'Next part', parent: 'APP-1', blockedBy: ['APP-3'] }).key).toBe('APP-4')
  })

  test('unknown, itself and a cycle are refused and change nothing', () => {
    const { tracker, told } = create()
    expect(() => tracker.submit({ title: 'T', blockedBy: ['APP-7'] })).toThrow(expect.objectContaining({ code: 'unknown-blocker' }))
    expect(() => tracker.submit({ title: 'T', blockedBy: ['app-1'] })).toThrow(expect.objectContaining({ code: 'self-blocker' }))
    tracker.submit({ title: 'A' })
    tracker.submit({ title: 'B', blockedBy: ['APP-1'] })
    tracker.submit({ title: 'C', blockedBy: ['APP-2'] })
    told()
    const before = tracker.list()
    const cycle = expect.objectContaining({ name: 'ConfigurationError', code: 'dependency-cycle' })
    expect(() => tracker.update('APP-1', { blockedBy: ['APP-3'] })).toThrow(cycle)
    expect(() => tracker.update('APP-1', { title: 'New', blockedBy: ['APP-1'] })).toThrow(expect.objectContaining({ code: 'self-blocker' }))
    expect(tracker.list()).toEqual(before)
    expect(told()).toEqual([])
  })

  test('a blocker named twice counts once, and one that is closed is resolved', () => {
    const { tracker } = create()
    tracker.submit({ title: 'A' })
    tracker.close('APP-1', 'done')
    expect(tracker.submit({ title: 'B', blockedBy: ['APP-1', 'app-1'] }).blockedBy).toMatchObject([{ key: 'APP-1', resolved: true }])
  })

  test('closing, reopening and removing a blocker is told to those who wait for it', () => {
    const { tracker, told } = create()
    tracker.submit({ title: 'A' })
    tracker.submit({ title: 'B', blockedBy: ['APP-1'] })
    tracker.submit({ title: 'C', blockedBy: ['APP-1'] })
    const heard = (change: () => void) => {
      told()
      change()
      return told()
        .filter(({ event }) => event['type'] === 'blocker.changed')
        .map(({ to, event }) => [to, event['key'], event['resolved']])
    }
    const both = (resolved: boolean) => [
      ['id-2', 'APP-1', resolved],
      ['id-3', 'APP-1', resolved],
    ]
    expect(heard(() => tracker.cancel('APP-1'))).toEqual(both(true))
    expect(heard(() => tracker.close('APP-1', 'done'))).toEqual([])
    expect(heard(() => tracker.delegate('APP-1'))).toEqual(both(false))
    expect(heard(() => tracker.remove('APP-1'))).toEqual(both(true))
    expect(tracker.get('APP-2').blockedBy).toEqual([])
  })

  test('a blocker is resolved for its dependents by the report of its own actor', async () => {
    const { tracker, told } = create()
    tracker.submit({ title: 'A' })
    tracker.submit({ title: 'B', blockedBy: ['APP-1'] })
    told()
    await tracker.report({ project: 'app', issue: 'id-1', key: 'APP-1', kind: 'state', phase: 'done', text: '' }, 'r')
    expect(told()).toEqual([
      {
        to: 'id-2',
        event: { type: 'blocker.changed', source: 'system', observedAt: 1_001, key: 'APP-1', resolved: true, state: 'completed' },
      },
    ])
  })
})

describe('parents', () => {
  test('a parent hears of each change of its children, and only of their state', () => {
    const { tracker, told } = create()
    tracker.submit({ title: 'Whole' })
    tracker.submit({ title: 'Part', parent: 'APP-1' })
    tracker.update('APP-2', { priority: 1 })
    tracker.close('APP-2', 'done')
    const heard = told().filter(({ to, event }) => to === 'id-1' && event['type'] === 'child.changed')
    expect(heard.map(({ event }) => [event['key'], event['state']])).toEqual([
      ['APP-2', 'unstarted'],
      ['APP-2', 'completed'],
    ])
    expect(tracker.get('APP-1').children).toEqual([{ key: 'APP-2', state: 'completed' }])
  })

  test('an issue cannot be below itself, and moving it is told to both parents', () => {
    const { tracker, told } = create()
    tracker.submit({ title: 'A' })
    tracker.submit({ title: 'B', parent: 'APP-1' })
    tracker.submit({ title: 'C', parent: 'APP-2' })
    for (const parent of ['APP-1', 'APP-2', 'APP-3']) {
      expect(() => tracker.update('APP-1', { parent })).toThrow(expect.objectContaining({ code: 'parent-cycle' }))
    }
    expect(() => tracker.submit({ title: 'D', parent: 'APP-9' })).toThrow(expect.objectContaining({ code: 'unknown-parent' }))
    told()
    tracker.update('APP-3', { parent: 'APP-1' })
    expect(types(told())).toEqual(['id-3 tracker.updated', 'id-1 child.changed', 'id-2 tracker.updated'])
    tracker.update('APP-3', { parent: null })
    expect(tracker.get('APP-1').children.map((child) => child.key)).toEqual(['APP-2'])
  })
})

describe('what humans do', () => {
  test('delegating again tells the actor again: it may have been stopped', () => {
    const { tracker, told } = create()
    tracker.submit({ title: 'T' })
    tracker.delegate('APP-1')
    tracker.undelegate('APP-1')
    tracker.undelegate('APP-1')
    tracker.delegate('APP-1', { author: 'kim' })
    expect(types(told())).toEqual([
      'id-1 tracker.delegated',
      'id-1 tracker.delegated',
      'id-1 tracker.undelegated',
      'id-1 tracker.delegated',
    ])
  })

  test('delegating a closed issue opens it', () => {
    const { tracker } = create()
    tracker.submit({ title: 'T' })
    tracker.cancel('APP-1')
    tracker.delegate('APP-1')
    expect(tracker.get('APP-1')).toMatchObject({ stateType: 'unstarted', delegated: true })
  })

  test('comments and prompts reach the actor with their way, and stay readable', () => {
    const { tracker, told } = create()
    tracker.submit({ title: 'T' })
    told()
    tracker.comment('APP-1', 'Nice.', { author: 'kim' })
    tracker.prompt('APP-1', 'Use blue.')
    expect(told().map(({ event }) => event)).toEqual([
      { type: 'tracker.prompted', source: 'operator', observedAt: 1_001, text: 'Nice.', author: 'kim', via: 'comment' },
      { type: 'tracker.prompted', source: 'operator', observedAt: 1_002, text: 'Use blue.', author: null, via: 'session' },
    ])
    expect(tracker.comments('APP-1').map(({ kind, author, text }) => [kind, author, text])).toEqual([
      ['comment', 'kim', 'Nice.'],
      ['prompt', 'operator', 'Use blue.'],
    ])
    expect(() => tracker.comment('APP-1', ' \n')).toThrow('text is empty.')
    expect(() => tracker.prompt('APP-1', 'x'.repeat(65_537))).toThrow('text is 65537 bytes long; at most 65536 are allowed.')
  })

  test('an agent is told of the newest hundred comments, and how many there are before them', async () => {
    const { tracker } = create()
    tracker.submit({ title: 'T' })
    for (let count = 0; count < 103; count++) tracker.comment('APP-1', `Comment ${count}`)
    const { comments, leftOut } = await tracker.promptContext!({ issue: 'APP-1', folder: '/nowhere', fetches: true })
    expect([comments.length, comments[0]!.body, leftOut]).toEqual([100, 'Comment 3', { comments: 3, files: 0 }])
  })

  test('a repeated request changes nothing the second time', () => {
    const { tracker, told } = create()
    tracker.submit({ title: 'T' })
    tracker.submit({ title: 'U' })
    for (const issue of ['APP-1', 'APP-1', 'APP-2']) {
      tracker.comment(issue, 'Hello.', { key: 'same' })
      tracker.delegate(issue, { key: 'same' })
    }
    told()
    expect(tracker.comments('APP-1')).toHaveLength(1)
    expect(tracker.comments('APP-2')).toHaveLength(1)
  })

  test('closing as failed is a cancellation, and closing twice is told once', () => {
    const { tracker, told } = create()
    tracker.submit({ title: 'T' })
    told()
    tracker.close('APP-1', 'failed', { author: 'kim' })
    tracker.cancel('APP-1')
    expect(told().map(({ event }) => [event['type'], event['stateType'], event['actor']])).toEqual([['tracker.updated', 'canceled', 'kim']])
  })

  test('a removed issue is gone for everyone and its number is not used again', () => {
    const { tracker, told } = create()
    tracker.submit({ title: 'T' })
    told()
    tracker.remove('APP-1')
    expect(types(told())).toEqual(['id-1 tracker.removed'])
    expect(() => tracker.get('APP-1')).toThrow(expect.objectContaining({ code: 'unknown-issue' }))
    expect(tracker.list().issues).toEqual([])
    expect(tracker.submit({ title: 'U' }).key).toBe('APP-2')
  })

  test('a list is paged, oldest first', () => {
    const { tracker, clock } = create(['app', 'site'])
    for (let i = 1; i <= 5; i++) {
      clock.time = 1_000 + Math.floor(i / 3)
      tracker.submit({ title: `T${i}`, project: i === 3 ? 'site' : 'app' })
    }
    const first = tracker.list({ limit: 2 })
    const second = tracker.list({ limit: 2, cursor: first.next! })
    const third = tracker.list({ limit: 2, cursor: second.next! })
    expect([first, second, third].map((page) => page.issues.map((issue) => issue.title))).toEqual([['T1', 'T2'], ['T3', 'T4'], ['T5']])
    expect(third.next).toBeNull()
    expect(tracker.list({ project: 'site' }).issues.map((issue) => issue.title)).toEqual(['T3'])
  })
})

describe('time and order', () => {
  test('each change of an issue is observed later than the last, also when the clock is set back', () => {
    const { tracker, told, clock } = create()
    tracker.submit({ title: 'T' })
    clock.time = 10
    tracker.comment('APP-1', 'Back in time.')
    tracker.update('APP-1', { priority: 1 })
    clock.time = 5_000
    tracker.cancel('APP-1')
    expect(told().map(({ event }) => event['observedAt'])).toEqual([1_000, 1_001, 1_002, 5_000])
  })

  test('the facts of the port equal the newest fact that was told', async () => {
    const { tracker, told } = create()
    tracker.submit({ title: 'T', labels: ['a'] })
    tracker.update('APP-1', { title: 'New', labels: [] })
    const { type: _, source: __, actor: ___, ...payload } = told().at(-1)!.event
    expect(await tracker.facts({ project: 'app', issue: 'id-1' })).toEqual(payload)
  })

  test("a human's word that the actor has not heard yet is not overwritten by an older report", async () => {
    const { tracker, told } = create()
    tracker.submit({ title: 'T' })
    told()
    tracker.cancel('APP-1')
    const report = { project: 'app', issue: 'id-1', key: 'APP-1', kind: 'state', text: '' } as const
    await tracker.report({ ...report, phase: 'implementing' }, 'older')
    expect(tracker.get('APP-1').stateType).toBe('canceled')
    told()
    await tracker.report({ ...report, phase: 'changes_requested' }, 'newer')
    expect(tracker.get('APP-1')).toMatchObject({ stateType: 'started', state: 'Changes requested' })
  })

  test('a report does not echo to the actor that made it (case 75)', async () => {
    const { tracker, told } = create()
    tracker.submit({ title: 'T' })
    told()
    await tracker.report({ project: 'app', issue: 'id-1', key: 'APP-1', kind: 'state', phase: 'pr_open', text: '' }, 'r')
    expect(told()).toEqual([])
    await expect(
      tracker.report({ project: 'app', issue: 'no', key: 'X-1', kind: 'comment', phase: 'done', text: 't' }, 's'),
    ).rejects.toThrow(expect.objectContaining({ code: 'unknown-issue' }))
  })

  test('a change that cannot be committed leaves neither row nor fact, and wakes nobody', () => {
    const { tracker, database, woken, told } = create()
    tracker.submit({ title: 'T' })
    told()
    const before = woken()
    database.exec("CREATE TRIGGER full BEFORE INSERT ON fact BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    expect(() => tracker.submit({ title: 'U' })).toThrow('disk is full')
    expect(() => tracker.cancel('APP-1')).toThrow('disk is full')
    database.exec('DROP TRIGGER full')
    expect(woken()).toBe(before)
    expect(tracker.list().issues.map((issue) => [issue.key, issue.stateType])).toEqual([['APP-1', 'unstarted']])
    expect(tracker.submit({ title: 'U' }).key).toBe('APP-2')
  })
})
