// The commands that read: what they print of a document for people and for programs, and when following ends.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Costs, CostsQuery, Explanation, FeedEntry, IssueDocument, Reader, TimelineEntry } from '../../src/app.ts'
import { type Config, parseConfig, readEnvironment } from '../../src/config.ts'
import { warningsOf } from '../../src/config-warnings.ts'
import { type Command, readWords } from '../../src/cli/command.ts'
import { createOutput } from '../../src/cli/output.ts'
import { command as costs } from '../../src/cli/costs.ts'
import { checkConfinement } from '../../src/cli/doctor-agents.ts'
import { checkPrices } from '../../src/cli/doctor-prices.ts'
import { command as explain } from '../../src/cli/explain.ts'
import { command as feed } from '../../src/cli/feed.ts'
import { command as replay } from '../../src/cli/replay.ts'
import { command as status } from '../../src/cli/status.ts'
import { command as timeline } from '../../src/cli/timeline.ts'
import { command as verify } from '../../src/cli/verify.ts'
import { actions as issueActions } from '../../src/machines/issue/actions.ts'

const at = '2026-05-01T12:00:00.000Z'
const issue = (more: Partial<IssueDocument> = {}): IssueDocument => ({
  key: 'APP-1',
  id: 'id-1',
  title: 'A title\x1b[2J of two\nlines',
  url: 'http://127.0.0.1/APP-1',
  project: 'app',
  phase: 'delegated',
  authority: 'acting',
  value: {},
  waitsFor: [{ party: 'capacity', reason: 'two runs are active', since: at, until: null }],
  run: null,
  pr: null,
  question: null,
  branch: null,
  worktree: null,
  thread: null,
  budgets: {},
  attempts: {},
  blockedBy: [],
  delegated: true,
  faulted: null,
  version: 3,
  updatedAt: at,
  ...more,
})
const human = [{ party: 'human' as const, reason: 'which port?', since: at, until: null }]

let folder: string
let config: Config
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-reading-'))
  const text = JSON.stringify({
    store: { path: 's.db' },
    agents: { a: { kind: 'command', command: 'x' } },
    projects: [
      { id: 'app', repo: '.' },
      { id: 'agents', repo: '.', review: { by: 'agent' } },
    ],
  })
  config = parseConfig(text, join(folder, 'signalbox.config.json'), readEnvironment({ HOME: folder }))
  writeFileSync(config.store.path, '')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function run(command: Command, args: string[], reader: Partial<Reader>): Promise<{ code: number; stdout: string; stderr: string }> {
  const texts = { stdout: '', stderr: '' }
  const stream = (name: 'stdout' | 'stderr') =>
    new Writable({ write: (chunk, _encoding, done) => ((texts[name] += String(chunk)), done()) }) as unknown as NodeJS.WriteStream
  const words = readWords(command, args)
  const output = createOutput({ stdout: stream('stdout'), stderr: stream('stderr') }, readEnvironment({}), words.has('json'))
  const code = await command.run({
    ...words,
    output,
    cwd: folder,
    configFile: undefined,
    config: () => config,
    reader: async () => reader as Reader,
    client: () => {
      throw new Error('A reading command does not talk to the server')
    },
  })
  return { code, ...texts }
}

describe('status', () => {
  test('prints every page of the list as one table or document', async () => {
    const pages = [issue(), issue({ key: 'APP-2', id: 'id-2', title: 'Other', phase: 'done', waitsFor: [] })]
    const reader: Partial<Reader> = {
      issues: ({ cursor } = {}) => (cursor === undefined ? { issues: [pages[0]!], next: 'more' } : { issues: [pages[1]!], next: null }),
      troubles: () => [],
    }
    const { code, stdout } = await run(status, [], reader)
    expect(code).toBe(0)
    expect(stdout.split('\n')[0]).toMatch(/^KEY +PHASE +WAITS FOR +RUN +PULL REQUEST +UPDATED +TITLE$/)
    expect(stdout).toContain('A title of two lines')
    expect(stdout).toMatch(/APP-2 +done +- /)
    const json = JSON.parse((await run(status, ['--json'], reader)).stdout) as unknown
    expect(json).toEqual({ issues: pages, next: null })
  })

  test('warns of agents that may do everything, for people and for programs', async () => {
    const reader: Partial<Reader> = { issues: () => ({ issues: [issue()], next: null }), troubles: () => [] }
    expect((await run(status, [], reader)).stderr).toBe('')
    config.agents['wild'] = { ...config.agents['a']!, kind: 'codex', sandbox: 'danger-full-access' } as Config['agents'][string]
    const { code, stderr } = await run(status, [], reader)
    expect([code, stderr]).toEqual([0, expect.stringMatching(/agents\.wild: it may write everything .*workspace-write/)])
    const json = JSON.parse((await run(status, ['--json'], reader)).stdout) as { warnings: unknown }
    expect(json.warnings).toEqual([{ key: 'agents.wild', message: expect.stringContaining('everything'), remedy: expect.any(String) }])
    // In words of one place, which the doctor has too.
    expect(json.warnings).toEqual(warningsOf(config))
    expect((await checkConfinement(config)).filter(({ message }) => message.includes('everything'))).toEqual(
      warningsOf(config).map(({ key: check, ...rest }) => ({ status: 'WARN', check, ...rest })),
    )
    // Before there is a database as well.
    rmSync(config.store.path)
    expect((await run(status, [], reader)).stderr).toContain('agents.wild')
  })

  test('hands the filters to the reader', async () => {
    const asked: unknown[] = []
    const reader: Partial<Reader> = { issues: (query) => (asked.push(query), { issues: [], next: null }), troubles: () => [] }
    const { stderr } = await run(status, ['--project', 'app', '--phase', 'done'], reader)
    expect(asked[0]).toMatchObject({ project: 'app', phase: 'done' })
    expect(stderr).toContain('No issues')
  })

  test('prints all about one issue, and its document as it is', async () => {
    const document = issue({
      question: 'Which\nport?',
      branch: 'signalbox/APP-1-x',
      blockedBy: [{ key: 'APP-0', resolved: false }],
      budgets: { runs: { used: 2, limit: 40 }, usd: { used: 0, limit: null } },
      faulted: { code: 'x', message: 'broken', address: 'issue/id-1' },
      pr: {
        number: 4,
        url: 'http://pr',
        state: 'open',
        headSha: 'abcdef0123456',
        draft: false,
        review: 'changes_requested',
        checks: 'failed',
        mergeable: 'clean',
      },
      run: {
        id: 'run-2',
        type: 'review_fix',
        phase: 'working',
        agent: 'mine',
        startedAt: at,
        lastSignalAt: at,
        lastProgressAt: null,
        usage: { inputTokens: 5, cachedTokens: 0, outputTokens: 7, usd: 0.5 },
      },
    })
    const reader: Partial<Reader> = { issue: () => document }
    const { code, stdout } = await run(status, ['APP-1'], reader)
    expect(code).toBe(0)
    for (const text of [
      'FAULTED',
      'issue/id-1: broken',
      '  Which\n  port?',
      '#4 changes requested, checks failed, abcdef0123',
      'run-2: review_fix by mine, working',
      'APP-0',
      'runs 2/40',
      'signalbox/APP-1-x',
      'capacity: two runs are active',
    ])
      expect(stdout).toContain(text)
    expect(stdout).not.toContain('usd 0')
    expect(JSON.parse((await run(status, ['APP-1', '--json'], reader)).stdout)).toEqual(document)
  })

  test('following prints only changes and ends when the issue is over', async () => {
    const states = [issue(), issue(), issue({ version: 4, phase: 'done', waitsFor: [] })]
    const { code, stdout } = await run(status, ['APP-1', '--follow', '--json'], {
      issue: () => (states.length > 1 ? states.shift()! : states[0]!),
    })
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as IssueDocument).version),
    ).toEqual([3, 4])
    expect(code).toBe(0)
  })

  test.each([
    ['failed is an end', { phase: 'failed', waitsFor: [] }, 0],
    ['a human is needed', { waitsFor: human }, 3],
    ['an operator is needed', { waitsFor: [{ ...human[0]!, party: 'operator' as const }] }, 3],
    ['a review by a human', { waitsFor: [{ ...human[0]!, party: 'reviewer' as const }] }, 3],
    ['a fault is an operator’s', { faulted: { code: 'x', message: 'm', address: 'a' } }, 3],
    ['done, though it waits', { phase: 'done', waitsFor: human }, 0],
  ])('following ends: %s', async (_, more, expected) => {
    expect((await run(status, ['APP-1', '--follow'], { issue: () => issue(more) })).code).toBe(expected)
  })

  test('following goes on while anyone but a human can move it', async () => {
    const states = [
      issue({ waitsFor: [...human, { ...human[0]!, party: 'timer' as const }] }),
      issue({ project: 'agents', waitsFor: [{ ...human[0]!, party: 'reviewer' as const }] }),
      issue({ waitsFor: human }), // for the moment between two facts
      issue({
        waitsFor: [
          { ...human[0]!, party: 'reviewer' as const },
          { ...human[0]!, party: 'ci' as const },
        ],
      }),
      issue({ phase: 'done' }),
    ]
    expect((await run(status, ['APP-1', '--follow'], { issue: () => states.shift()! })).code).toBe(0)
    expect(states).toEqual([])
  })
})

test('timeline prints every entry, with cause and new state', async () => {
  const entries: TimelineEntry[] = [
    { seq: 1, at, address: 'issue/id-1', event: { type: 'tracker.delegated' }, cause: 'external', value: { lifecycle: 'delegated' } },
    { seq: 2, at, address: 'issue/id-1/run-1', event: { type: 'run.started' }, cause: 'seq 1', ignored: 'stale' },
  ]
  const reader: Partial<Reader> = { timeline: () => entries }
  const { stdout } = await run(timeline, ['APP-1'], reader)
  expect(stdout).toMatch(/#1 +issue +tracker\.delegated +by external +→ lifecycle\.delegated/)
  expect(stdout).toMatch(/#2 +run-1 +run\.started \(stale\) +by seq 1/)
  expect(JSON.parse((await run(timeline, ['APP-1', '--json'], reader)).stdout)).toEqual({ key: 'APP-1', entries })
})

test('replay asks for the point and prints every snapshot', async () => {
  const asked: unknown[] = []
  const snapshots = [{ seq: 7, at, address: 'issue/id-1', value: { run: 'idle' }, context: { a: 1 }, status: 'active' }]
  const reader: Partial<Reader> = { snapshot: (key, seq) => (asked.push([key, seq]), snapshots) }
  const { stdout } = await run(replay, ['APP-1', '--at', '7'], reader)
  expect(stdout).toContain('issue/id-1 at #7')
  expect(stdout).toContain('run.idle')
  expect(JSON.parse((await run(replay, ['APP-1', '--json'], reader)).stdout)).toEqual({ key: 'APP-1', at: null, snapshots })
  expect(asked).toEqual([
    ['APP-1', 7],
    ['APP-1', undefined],
  ])
})

test('replay says which entry is the last when it is asked for a later one, and not between two', async () => {
  const entries = [7, 20].map((seq) => ({ seq, at, address: 'issue/id-1', value: {}, context: {}, status: 'active' }))
  const reader: Partial<Reader> = { snapshot: (_, point = Infinity) => [entries.findLast(({ seq }) => seq <= point)!] }
  const beyond = await run(replay, ['APP-1', '--at', '99'], reader)
  expect(beyond.stderr).toContain('The last entry of APP-1 is #20')
  expect(beyond.stdout).toContain('issue/id-1 at #20')
  for (const point of ['20', '12', '7']) expect((await run(replay, ['APP-1', '--at', point], reader)).stderr).toBe('')
})

test('feed prints the newest entries, or all of them page by page', async () => {
  const entries: FeedEntry[] = Array.from({ length: 1_500 }, (_, index) => ({
    seq: index + 1,
    at,
    level: 'info',
    kind: 'k',
    issue: 'APP-1',
    phase: 'p',
    status: 's',
    summary: `n${index + 1}`,
  }))
  const reader: Partial<Reader> = {
    feed: ({ since, limit = 200 } = {}) =>
      since === undefined ? entries.slice(-limit) : entries.filter(({ seq }) => seq > since).slice(0, limit),
  }
  const seqs = async (args: string[]) =>
    (JSON.parse((await run(feed, ['--json', ...args], reader)).stdout) as { entries: FeedEntry[] }).entries.map(({ seq }) => seq)
  expect((await seqs([])).length).toBe(200)
  expect(await seqs(['--lines', '2'])).toEqual([1_499, 1_500])
  expect((await seqs(['--lines', '0'])).length).toBe(1_500)
  expect((await run(feed, ['--lines', '1'], reader)).stdout).toMatch(/info +APP-1 +p +n1500/)
})

describe('verify', () => {
  const result = { actors: 3, events: 40, different: [], notCheckable: [{ address: 'a', reason: 'version 0 is not in this build' }] }
  test('exits 0 when all is as its journal gives it', async () => {
    const { code, stdout } = await run(verify, [], { verify: () => result })
    expect(stdout).toContain('3 actors, 40 events: every snapshot is what its journal gives.')
    expect(stdout).toContain('NOT CHECKABLE  a: version 0 is not in this build')
    expect(code).toBe(0)
  })

  test('exits 3 when one differs', async () => {
    const reader: Partial<Reader> = { verify: () => ({ ...result, different: [{ address: 'issue/x', seq: 9, message: 'byte 4' }] }) }
    const { code, stdout } = await run(verify, [], reader)
    expect(stdout).toContain('DIFFERENT  issue/x at #9: byte 4')
    expect(code).toBe(3)
    expect(JSON.parse((await run(verify, ['--json'], reader)).stdout)).toMatchObject({ ok: false, actors: 3 })
  })
})

test('explain names who is waited for, what would move it and what holds it back', async () => {
  const explanation: Explanation = {
    key: 'APP-1',
    phase: 'delegated',
    authority: 'acting',
    states: [{ id: 'issue.lifecycle.delegated', description: 'Handed over' }],
    actions: [...issueActions],
    waitsFor: human,
    events: [
      { type: 'capacity.granted', by: 'capacity', enabled: true, guards: [], target: 'active' },
      {
        type: 'tracker.prompted',
        by: 'human',
        enabled: false,
        guards: [{ name: 'hasBudget', holds: false, reads: { used: 3, limit: 3 } }],
        target: null,
      },
    ],
    timers: [{ name: 'recovery', due: at }],
    causes: [{ seq: 4, at, address: 'issue/id-1', event: { type: 'tracker.delegated' }, cause: 'external' }],
  }
  const { stdout } = await run(explain, ['APP-1'], { explain: () => explanation })
  for (const text of [
    'APP-1 is delegated (acting)',
    'Handed over',
    'human: which port?',
    'capacity.granted',
    '→ active',
    'not hasBudget (used=3, limit=3)',
    'timer: recovery',
    'tracker.delegated',
    'signalbox close-pr APP-1 ',
    'signalbox reopen-pr APP-1 ',
    'signalbox request-changes APP-1 --body T ',
    'signalbox push APP-1 --branch NAME ',
  ])
    expect(stdout).toContain(text)
  // Each of them is a command, never a bare word.
  expect(stdout.match(/^ {2}signalbox /gm)).toHaveLength(issueActions.length)
  expect(stdout).not.toContain('not now')
  expect((await run(explain, ['APP-1', '--all'], { explain: () => explanation })).stdout).toContain('not now')
})

describe('costs', () => {
  const usage = { inputTokens: 1_000, cachedTokens: 400, outputTokens: 20, usd: 1.5 }
  const of = (one: Partial<Costs['costs'][number]>, by: Costs['by'] = 'day', more: object = {}): Costs => ({
    ...{ by, from: '2026-05-01', total: { runs: 3, usage: { ...usage, ...more } } },
    costs: [{ project: 'app', runs: 3, usage: { ...usage, ...more }, ...one }],
  })
  const reading = (answer: Costs, asked: CostsQuery[] = []): Partial<Reader> => ({ costs: (query) => (asked.push(query), answer) })

  test('are a table with a sum, by project and day, or the document as it is', async () => {
    const asked: CostsQuery[] = []
    const answer = of({ day: '2026-05-01' })
    const { code, stdout } = await run(costs, [], reading(answer, asked))
    expect([code, asked]).toEqual([0, [{ by: 'day', days: 7 }]])
    expect(stdout).toMatch(
      /^DAY +PROJECT +RUNS +TOKENS IN +CACHED +OUT +USD\n2026-05-01 +app +3 +1000 +400 +20 +1\.50\ntotal +3 +1000 +400 +20 +1\.50\n$/,
    )
    expect(JSON.parse((await run(costs, ['--json'], reading(answer))).stdout)).toEqual(answer)
  })

  test('are asked for by run, of one project and for as many days as are said', async () => {
    const asked: CostsQuery[] = []
    const answer = of({ key: 'APP-1', run: 'run-2', type: 'ci_repair', agent: 'mine' }, 'run')
    const { stdout } = await run(costs, ['app', '--days', '30', '--by', 'run'], reading(answer, asked))
    expect(asked).toEqual([{ by: 'run', days: 30, project: 'app' }])
    expect(stdout).toMatch(/APP-1 +run-2 +ci_repair +mine +1000/)
    await expect(run(costs, ['--days', 'all'], reading(answer))).rejects.toThrow('--days must be a number of days, not "all"')
  })

  test('say what of them is not known', async () => {
    const { stdout, stderr } = await run(costs, [], reading(of({ day: '2026-05-01' }, 'day', { unpricedTokens: 70 })))
    expect(stdout).toContain('1.50+')
    expect(stderr).toContain('70 tokens are of unknown cost (+)')
    const running = issue({
      run: {
        ...{ id: 'run-2', type: 'review_fix', phase: 'working', agent: 'mine', insteadOf: 'codex', startedAt: at },
        ...{ lastSignalAt: at, lastProgressAt: null, usage: { ...usage, usd: 0, unpricedTokens: 1_020 } },
      },
    })
    const shown = (await run(status, ['APP-1'], { issue: () => running })).stdout
    expect(shown).toContain('run-2: review_fix by mine instead of codex, which has no room, working')
    expect(shown).toContain('1000 tokens in, 20 out, 0.00 USD, and 1020 tokens of unknown cost (no price for their model in `prices`)')
  })

  test('that will not be known are a warning of doctor', () => {
    const agents = (more: object) => ({ ...config, agents: { codex: { ...more }, mine: config.agents['a']! } }) as unknown as Config
    const look = (more: object, prices = {}) =>
      checkPrices({ ...agents(more), prices }).map((one) => `${one.status} ${one.check}: ${one.message}`)
    expect(look({ kind: 'codex', model: null })).toEqual([
      'WARN agents.codex: the model is left to the agent, and none has a price: its cost is not known, and budgets in USD do not see it',
    ])
    expect(look({ kind: 'codex', model: null }, { gpt: { input: 1, output: 1 } })).toEqual([
      'PASS agents.codex: the model is left to the agent: its cost is known where `prices` has the one that it names',
    ])
    expect(look({ kind: 'codex', model: 'gpt-5' })[0]).toContain('gpt-5 has no price')
    expect(look({ kind: 'codex', model: 'gpt-5' }, { gpt: { input: 1, output: 1 } })).toEqual(['PASS agents.codex: gpt-5 has a price'])
    expect(look({ kind: 'claude', model: null })).toEqual([])
  })
})
