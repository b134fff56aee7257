// What is read out of texts and chosen without asking anybody: addresses, choices, progress, ids, routes, workflow states.

import { describe, expect, test } from 'vitest'
import { addressedText } from '../../../../src/actors/tracker/linear/addressing.ts'
import type { WorkflowState } from '../../../../src/actors/tracker/linear/documents/issue.ts'
import { uuidOf } from '../../../../src/actors/tracker/linear/ids.ts'
import { toContent } from '../../../../src/actors/tracker/linear/progress.ts'
import { isTrusted, routeOf } from '../../../../src/actors/tracker/linear/routing.ts'
import { optionsOf } from '../../../../src/actors/tracker/linear/sessions.ts'
import { moveOf } from '../../../../src/actors/tracker/linear/states.ts'
import { configSchema } from '../../../../src/config-schema.ts'
import type { ProjectConfig } from '../../../../src/config.ts'

describe('who a comment speaks to', () => {
  test.each([
    ['@signalbox please add a test', 'please add a test'],
    ['Hey signalbox, try again', 'try again'],
    ['signalbox: stop', 'stop'],
    ['@box-bot do it', 'do it'],
    ['[@box-bot](https://linear.app/acme/profiles/box-bot) do it', 'do it'],
    ['hey @Signalbox', ''],
    ['What do you think, @box-bot?', 'What do you think, @box-bot?'],
  ])('%s', (text, said) => expect(addressedText(text, ['box-bot'])).toBe(said))

  test.each(['The signalbox is broken', 'signalboxes are fine', 'mail@signalbox-fans.example', 'box-bot is a name', '@box-bots go', ''])(
    'not to us: %s',
    (text) => expect(addressedText(text, ['box-bot'])).toBeNull(),
  )
})

describe('the choices of a question', () => {
  test('a list in it is what to choose from', () => {
    expect(optionsOf('Which colour?\n- red\n- green\n')).toEqual(['red', 'green'])
    expect(optionsOf('Which?\n1. SQLite\n2) PostgreSQL')).toEqual(['SQLite', 'PostgreSQL'])
  })
  test('one item, none, or very many are no choice', () => {
    expect(optionsOf('Which colour do you want?')).toEqual([])
    expect(optionsOf('Note:\n- the tests are red')).toEqual([])
    expect(optionsOf(Array.from({ length: 13 }, (_, index) => `- item ${index}`).join('\n'))).toEqual([])
  })
})

describe('what of an agent’s lines is shown', () => {
  test.each([
    ['The parser now keeps comments', { type: 'thought', body: 'The parser now keeps comments' }],
    ['$ npm test -- --run', { type: 'action', action: 'Running', parameter: 'npm test -- --run' }],
  ])('%s', (line, content) => expect(toContent(line)).toEqual(content))
  test.each([
    'Let me look at the file',
    "I'll try another way",
    '{"type":"item","id":1}',
    '    at Object.<anonymous> (a.js:1:1)',
    '+ added line in a diff',
    'import x from "y"',
    'ok',
    '',
    '12: const a = 1',
  ])('not: %s', (line) => expect(toContent(line)).toBeNull())
})

test('ids are version 4 UUIDs, always the same for the same name', () => {
  expect(uuidOf('report', '1')).toBe(uuidOf('report', '1'))
  expect(uuidOf('report', '1')).not.toBe(uuidOf('report1', ''))
  expect(uuidOf('report', '1')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})

const projects = (...all: Record<string, unknown>[]): ProjectConfig[] =>
  configSchema.parse({
    agents: { a: { kind: 'command', command: 'true' } },
    projects: all.map((one) => ({ repo: '/r', agent: 'a', ...one })),
  }).projects as unknown as ProjectConfig[]

describe('whose an issue is', () => {
  const issue = { team: { id: 't1', key: 'ENG' }, project: { id: 'p1', name: 'Web' }, labels: ['api'] }

  test('a Linear project wins over a team, a team over a label, each by its name or id (edge 21)', () => {
    const all = projects(
      { id: 'label', tracker: { labels: ['API'] } },
      { id: 'team', tracker: { teams: ['eng'] } },
      { id: 'web', tracker: { projects: ['web'] } },
    )
    expect(routeOf(all, issue)).toEqual({ project: 'web' })
    expect(routeOf(all, { ...issue, project: null })).toEqual({ project: 'team' })
    expect(routeOf(all, { ...issue, project: null, team: { id: 't2', key: 'OPS' } })).toEqual({ project: 'label' })
    expect(routeOf(all, { team: { id: 't2', key: 'OPS' }, labels: [] })).toEqual({ candidates: [] })
    expect(routeOf(projects({ id: 'team', tracker: { teams: ['t1'] } }, { id: 'other' }), issue)).toEqual({ project: 'team' })
    expect(routeOf(projects({ id: 'web', tracker: { projects: ['p1'] } }, { id: 'other' }), issue)).toEqual({ project: 'web' })
  })

  test('a project that names a team and a label wants both', () => {
    const all = projects(
      { id: 'api', tracker: { teams: ['ENG'], labels: ['api'] } },
      { id: 'web', tracker: { teams: ['ENG'], labels: ['web'] } },
    )
    expect(routeOf(all, issue)).toEqual({ project: 'api' })
    expect(routeOf(all, { ...issue, labels: ['web'] })).toEqual({ project: 'web' })
    expect(routeOf(all, { ...issue, labels: ['api', 'web'] })).toEqual({ candidates: ['api', 'web'] })
  })

  test('a project that names a Linear project and a team wants both: an issue of the team alone is nobody’s (edge 23)', () => {
    const web = { id: 'web', tracker: { teams: ['ENG'], projects: ['Web'] } }
    const api = { id: 'api', tracker: { teams: ['ENG'], projects: ['API'] } }
    expect(routeOf(projects(web, api), issue)).toEqual({ project: 'web' })
    expect(routeOf(projects(web, api), { ...issue, project: null })).toEqual({ candidates: [] })
    expect(routeOf(projects(web), { ...issue, project: null })).toEqual({ candidates: [] })
    expect(routeOf(projects(web, { id: 'rest' }), { ...issue, project: null })).toEqual({ project: 'rest' })
  })

  test('one project that names nothing takes everything; several take nothing', () => {
    expect(routeOf(projects({ id: 'only' }), issue)).toEqual({ project: 'only' })
    expect(routeOf(projects({ id: 'one' }, { id: 'two' }), issue)).toEqual({ candidates: ['one', 'two'] })
  })
})

describe('who may have us begin something', () => {
  const [open, closed] = projects(
    { id: 'open' },
    { id: 'closed', trustedActors: { ids: ['u1'], emails: ['ann@x.example'], domains: ['y.example'] } },
  )
  test.each([
    [{ id: 'u1' }, true],
    [{ id: 'U1' }, false],
    [{ id: 'u2', email: 'Ann@X.example' }, true],
    [{ id: 'u3', email: 'bob@Y.example' }, true],
    [{ id: 'u4', email: 'eve@evil-y.example' }, false],
    [{ id: 'u5' }, false],
    [null, false],
  ])('%j: %s', (actor, trusted) => {
    expect(isTrusted(closed!, actor)).toBe(trusted)
    expect(isTrusted(open!, actor)).toBe(true)
  })
})

describe('where an issue is shown', () => {
  const state = (id: string, type: string, position: number): WorkflowState => ({ id, name: `Spalte ${id}`, type, position })
  const triage = state('triage', 'triage', 0)
  const backlog = state('backlog', 'backlog', 1)
  const todo = state('todo', 'unstarted', 2)
  const doing = state('doing', 'started', 3)
  const testing = state('testing', 'started', 4)
  const review = state('review', 'started', 5)
  const done = state('done', 'completed', 6)
  const canceled = state('canceled', 'canceled', 7)
  const duplicate = state('duplicate', 'duplicate', 8)
  const team = [canceled, review, doing, testing, triage, done, backlog, todo, duplicate]
  const move = (stage: Parameters<typeof moveOf>[0], at: WorkflowState, movedTo: string | null = null, states = team) => {
    const { to, label } = moveOf(stage, at, states, [movedTo])
    return [to?.id ?? null, label]
  }

  test('by kinds and positions, whatever the names are', () => {
    expect(move('waiting', triage)).toEqual(['todo', null])
    expect(move('working', todo)).toEqual(['doing', null])
    expect(move('reviewing', doing, 'doing')).toEqual(['review', null])
    expect(move('working', review, 'review')).toEqual(['doing', null])
    expect(move('done', review, 'review')).toEqual(['done', null])
    expect(move('failed', doing, 'doing')).toEqual(['canceled', null])
    expect(move('waiting', doing, 'doing')).toEqual(['todo', null])
  })

  test('a column that a person has chosen stays where it is of the right kind', () => {
    expect(move('working', testing)).toEqual([null, null])
    expect(move('waiting', testing)).toEqual([null, null])
    expect(move('waiting', todo)).toEqual([null, null])
  })

  test('what a person has closed stays closed, what we have closed opens again', () => {
    for (const stage of ['waiting', 'working', 'reviewing', 'done', 'failed', 'needs_human'] as const) {
      expect(move(stage, done)).toEqual([null, null])
      expect(move(stage, canceled)).toEqual([null, null])
      expect(move(stage, duplicate)).toEqual([null, null])
    }
    expect(move('working', done, 'done')).toEqual(['doing', null])
  })

  test('a label says what no column can', () => {
    expect(move('needs_human', doing, 'doing')).toEqual([null, 'needs-human'])
    expect(move('reviewing', doing, 'doing', [todo, doing, done])).toEqual([null, 'in-review'])
    expect(move('reviewing', todo, null, [todo, doing, done])).toEqual(['doing', 'in-review'])
    expect(move('done', doing, 'doing', [todo, doing])).toEqual([null, null])
  })
})
