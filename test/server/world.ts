// The real runtime for the server's tests: a folder of its own, a small git repository, SQLite, and agents that are shell scripts.
// What tests cannot do through the runtime they do as its neighbours do: the embedded tracker and the outbox of facts on a second
// connection to the same database.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, vi } from 'vitest'
import { realClock, type Clock } from '../../src/actors/system/index.ts'
import { createLocalTracker, type TrackerIssue } from '../../src/actors/tracker/local.ts'
import { createApp, type App, type AppOptions, type IssueDocument, type Submission } from '../../src/app.ts'
import { parseConfig, type Config } from '../../src/config.ts'
import { openDatabase, type SqliteDatabase } from '../../src/persistence/database.ts'
import { createFactOutbox, type FactEvent } from '../../src/persistence/fact-outbox.ts'
import { rememberKey } from '../../src/persistence/issue-keys.ts'

export const token = 'a-token-of-the-tests-that-is-long-enough'

const identity = { GIT_AUTHOR_NAME: 'U', GIT_AUTHOR_EMAIL: 'u@localhost', GIT_COMMITTER_NAME: 'U', GIT_COMMITTER_EMAIL: 'u@localhost' }

export interface WorldOptions {
  /** Each has a repository of its own. */
  projects?: string[]
  /** What a project is configured with beside the usual, by its id. */
  settings?: Record<string, object>
  /** Runs at once; 0 waits for ever. */
  activeRuns?: number
  app?: AppOptions
}

/** A fact as tracker and forge record it; the time is filled in. */
export type Told = Omit<FactEvent, 'source' | 'observedAt'> & { type: string }
export interface Filing {
  submission?: Partial<Submission>
  /** What else is known of it. */
  facts?: Told[] | ((issue: TrackerIssue) => Told[])
}

export interface World {
  readonly app: App
  readonly config: Config
  /** A connection beside the runtime's, as another program has it. */
  readonly database: SqliteDatabase
  /** Files an issue that nobody works on; with a script it is delegated to an agent that is this script. Answers its key. */
  file: (submission?: Partial<Submission>, script?: string) => Promise<string>
  /** Files many issues at once, delegated unless on hold; resolves when all that is known of them has reached their actors. The last one is plain. */
  fileMany: (issues: [...Filing[], Pick<Filing, 'submission'>]) => Promise<string[]>
  /** The issue's document, once it is as wanted. */
  until: (key: string, isWanted: (document: IssueDocument) => boolean) => Promise<IssueDocument>
  /** A human's comment: the smallest thing that happens to an issue. Answers the issue's version after it. */
  comment: (key: string) => Promise<number>
  /** Faults the issue's actor: it is told something that no step can take. */
  fault: (key: string) => Promise<void>
  /** Lets the database refuse to write to a table until it is mended. */
  refuse: (table: string) => { mend: () => void }
  /** Everything that a request can have changed, as one text to compare. */
  changes: () => string
  /** Gives the issue a second key in another project, as a move between teams does. */
  alias: (key: string, project: string, as: string) => void
  close: () => Promise<void>
}

/** One world for all tests of a file. */
export function sharedWorld(options: WorldOptions = {}, prepare: (world: World) => Promise<void> = async () => {}): () => World {
  let world: World | undefined
  beforeAll(async () => {
    world = await createWorld(options)
    await prepare(world)
  })
  afterAll(() => world?.close())
  return () => world!
}

export async function createWorld({
  projects = ['app'],
  settings = {},
  activeRuns = 4,
  app: appOptions = {},
}: WorldOptions = {}): Promise<World> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'signalbox-server-')))
  for (const name of ['scripts', 'data']) mkdirSync(join(folder, name))
  for (const project of projects) makeRepository(join(folder, project))
  writeFileSync(join(folder, 'token'), `${token}\n`)
  const config = parseConfig(
    JSON.stringify({
      server: { operatorToken: 'file:token' },
      store: { path: 'data/signalbox.db' },
      agents: { script: { kind: 'command', command: `. '${folder}/scripts/'"$SIGNALBOX_ISSUE.sh"` } },
      limits: { activeRuns: Math.max(1, activeRuns) },
      // What is asked of tracker and forge meanwhile would count as a change.
      polling: { shortest: '1h', longest: '1h' },
      projects: projects.map((id) => ({
        ...{ id, repo: `./${id}`, agent: 'script', ci: { command: 'true' }, landing: { method: 'manual' } },
        ...{ delays: { recovery: '100ms', settle: '100ms' }, budgets: { implementation: 1 }, ...settings[id] },
      })),
    }),
    join(folder, 'signalbox.config.json'),
  )
  const app = await createApp(config, appOptions)
  if (activeRuns === 0) await app.pause()
  const database = openDatabase(config.store.path)
  const beside = { database, now: Date.now, wake() {} }
  const tracker = createLocalTracker({ ...beside, projects: config.projects })
  const outbox = createFactOutbox(beside)
  let observedAt = 0
  const tell = (id: string, facts: Told[]): void =>
    outbox.transaction(() => {
      for (const fact of facts) {
        observedAt = Math.max(observedAt + 1, Date.now())
        outbox.record(id, { source: 'system', observedAt, ...fact })
      }
    })

  const world: World = {
    app,
    config,
    database,
    async file(submission = {}, script) {
      const { key } = await app.submit({ title: 'An issue', project: projects[0]!, hold: true, ...submission })
      if (script === undefined) return key
      writeFileSync(join(folder, 'scripts', `${key}.sh`), `set -eu\n${script}\n`)
      await app.act(key, { action: 'delegate' })
      return key
    },
    async fileMany(issues) {
      const filed = issues.slice(0, -1).map(({ submission, facts = [] }: Filing) => {
        const issue = tracker.submit({ title: 'An issue', project: projects[0]!, ...submission })
        tell(issue.id, typeof facts === 'function' ? facts(issue) : facts)
        return issue.key
      })
      // The runtime looks into its outbox when it files one itself.
      const { key } = await app.submit({ title: 'An issue', project: projects[0]!, ...issues.at(-1)!.submission })
      return [...filed, key]
    },
    until(key, isWanted) {
      return vi.waitFor(
        () => {
          const document = app.issue(key)
          if (isWanted(document)) return document
          throw new Error(`${key} never was as wanted: ${JSON.stringify(document).slice(0, 2_000)}`)
        },
        { timeout: 20_000, interval: 20 },
      )
    },
    async comment(key) {
      await app.act(key, { action: 'comment', text: 'A comment.' })
      return app.issue(key).version
    },
    async fault(key) {
      tell(app.issue(key).id, [{ type: 'reconcile', pr: { reviews: null } }])
      // Its own comment wakes the runtime, and rests behind the fault.
      await app.act(key, { action: 'comment', text: 'Look into the outbox.' })
      expect(app.issue(key).faulted).not.toBeNull()
    },
    refuse(table) {
      database.exec(
        `CREATE TRIGGER refuse_${table} BEFORE INSERT ON ${table} BEGIN SELECT RAISE(ABORT, 'no more room in /secret/path'); END`,
      )
      return { mend: () => void database.exec(`DROP TRIGGER refuse_${table}`) }
    },
    // What the reconciliation asks for in the meantime is its own affair.
    changes: () =>
      [
        `journal WHERE body NOT LIKE '%"reconcile"%' AND actor <> (SELECT id FROM actor WHERE address = 'reconciliation/main')`,
        'tracker_issue',
        'tracker_comment',
        'tracker_request',
        'fact',
        'forge_review',
      ]
        .map((table) => `${table} ${String(database.prepare(`SELECT count(*) FROM ${table}`).pluck().get())}`)
        .join(', '),
    alias: (key, project, as) => rememberKey(database, { project, key: as, issue: app.issue(key).id }),
    async close() {
      await app.stop()
      database.close()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
  return world
}

function makeRepository(folder: string): void {
  const git = (...args: string[]): void => void execFileSync('git', args, { cwd: folder, env: { ...process.env, ...identity } })
  mkdirSync(folder)
  git('init', '--quiet', '--initial-branch=main')
  writeFileSync(join(folder, 'README.md'), '# A project\n')
  git('add', '--all')
  git('commit', '--quiet', '--message', 'The start')
}

/** Works until it is ended. */
export const endless = 'exec sleep 600'
/** Each run adds a line to a file named after the issue, and commits it. */
export const oneCommit = `echo "$SIGNALBOX_RUN_ID" >> "$SIGNALBOX_ISSUE.txt"
git add --all
git commit --quiet --message "Do $SIGNALBOX_ISSUE"`
/** Asks a question the first time, and works until it is ended once it has the answer. */
export const asks = (question: string): string => `if [ "$SIGNALBOX_RUN_ID" != run-1 ]; then ${endless}; fi
cat > "$SIGNALBOX_RESULT_FILE" <<'RESULT'
${JSON.stringify({ outcome: 'needs_input', summary: 'A question.', question })}
RESULT`

/** A clock whose turns wait while it is shut: events are taken in and not handled. */
export function createGate(): { clock: Clock; shut: () => void; open: () => void } {
  let isShut = false
  const waiting: (() => void)[] = []
  return {
    clock: { ...realClock, defer: (callback) => (isShut ? void waiting.push(callback) : realClock.defer(callback)) },
    shut: () => void (isShut = true),
    open() {
      isShut = false
      for (const callback of waiting.splice(0)) realClock.defer(callback)
    },
  }
}

const headSha = 'a94a8fe5ccb19ba61c4c0873d391e987982fbbd3'
const change = {
  number: 7,
  url: 'signalbox:app/pull/7',
  headSha,
  headRef: 'signalbox/x',
  baseRef: 'main',
  draft: false,
  author: 'Signalbox',
}

/** What the forge tells of a pull request, for a situation that nobody has to work for. */
export const forgeTells = {
  opened: { type: 'pr.opened', ...change },
  closed: { type: 'pr.closed', ...change },
  merged: { type: 'pr.merged', ...change, mergedSha: headSha },
  passed: { type: 'checks.passed', headSha, names: ['ci'], failures: [] },
  red: {
    type: 'checks.failed',
    headSha,
    names: ['ci'],
    failures: [{ name: 'ci', url: null, summary: 'One test is red.', logTail: '', signature: 'red' }],
  },
  approved: { type: 'review.approved', headSha, reviewer: 'ada', body: '', comments: [] },
  changesRequested: { type: 'review.changesRequested', headSha, reviewer: 'ada', body: 'Not like this.', comments: [] },
  evicted: {
    type: 'queue.evicted',
    headSha,
    incident: { class: 'conflict', files: ['README.md'], failures: [], baseSha: headSha, headSha, summary: 'README.md is in conflict.' },
  },
} satisfies Record<string, Told>
