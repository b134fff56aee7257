// Our side of GitHub against a GitHub that others have written (`emulate`, in the night): what we and our own twin could both have
// misread, it has read for itself.
//
// It is not all of GitHub. Left out, since it has none of them: GraphQL, and with it what is read of a pull request as a whole, threads,
// the merge queue and auto-merge; git over HTTP, and with it publications, landings and the start of a server; commit statuses; rulesets;
// the webhook of an App and its deliveries as an App asks for them. Where it answers otherwise than GitHub documents, the test says how.

import Database from 'better-sqlite3'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createAgentReviews } from '../../src/actors/forge/github/agent-review.ts'
import { createCursors } from '../../src/actors/forge/github/cursors.ts'
import { createFailures } from '../../src/actors/forge/github/failures.ts'
import { createMentions } from '../../src/actors/forge/github/mentions.ts'
import { checkRunSchema, toCheckRun } from '../../src/actors/forge/github/commit-checks.ts'
import { createPulls } from '../../src/actors/forge/github/pulls.ts'
import { createGithubRepositories, type GithubSettings } from '../../src/actors/forge/github/repositories.ts'
import { createRequiredChecks } from '../../src/actors/forge/github/required.ts'
import { createShown } from '../../src/actors/forge/github/shown.ts'
import { createPullRequests } from '../../src/actors/forge/pull-requests.ts'
import { createReviews } from '../../src/actors/forge/reviews.ts'
import { createGithubForge } from '../../src/actors/forge/github.ts'
import type { Delivery, Notice } from '../../src/actors/ports.ts'
import type { SubmitInput } from '../../src/machines/run/inputs.ts'
import { createInTurn } from '../../src/actors/in-turn.ts'
import type { ProjectConfig } from '../../src/config.ts'
import { Secret } from '../../src/config-values.ts'
import { configSchema } from '../../src/config-schema.ts'
import { createFactOutbox } from '../../src/persistence/fact-outbox.ts'
import { migrations } from '../../src/persistence/migrations.ts'
import { start as startServer } from '../server/harness.ts'
import { sharedWorld } from '../server/world.ts'
import { appId, install, permissions, start, type Emulated } from './emulate.ts'

const secret = 'the secret of the hook'
const hidden = (value: string): Secret => new Secret('forge', 'a test', null, () => value)

/** What of the forge needs neither GraphQL nor git, on a database of its own. */
function connect(github: Emulated, credentials: { token?: string; privateKey?: string; repo?: string } = {}) {
  const database = new Database(':memory:')
  onTestFinished(() => void database.close())
  database.pragma('foreign_keys = ON')
  for (const { sql } of migrations) database.exec(sql)
  const { token, privateKey = github.privateKey, repo = 'acme/app' } = credentials
  const { projects } = configSchema.parse({ agents: { a: { kind: 'command', command: 'true' } }, projects: [{ id: 'app', repo }] })
  const options = { projects: projects as unknown as ProjectConfig[], database, now: Date.now }
  const settings: GithubSettings = {
    ...{ kind: 'github', apiUrl: github.url, webhookSecret: null },
    ...(token === undefined
      ? { appId: String(appId), privateKey: hidden(privateKey), token: null }
      : { appId: null, privateKey: null, token: hidden(token) }),
  }
  const repositories = createGithubRepositories({ ...options, settings })
  const outbox = createFactOutbox({ database, now: Date.now, wake() {} })
  const pullRequests = createPullRequests({ database, outbox, now: Date.now, url: () => '', tellsChildren: false })
  const logged: string[] = []
  const pulls = createPulls(repositories)
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-emulate-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const { inlet } = createGithubForge({
    ...{ ...options, settings, folder, webhooks: true, wake() {}, isOver: () => false, log() {} },
    ...{ after: () => () => {}, requestQueue: async () => {}, withdrawQueue: async () => {} },
  })
  return {
    ...{ repositories, pullRequests, pulls, logged, database, inlet },
    required: createRequiredChecks({ ...options, repositories, onUnreadable: (_project, error) => void logged.push(error.message) }),
    failures: createFailures({ ...options, repositories }),
    mentions: createMentions({ ...options, repositories, pullRequests, log: (message) => void logged.push(message) }),
    tell: createShown({
      ...{ repositories, pullRequests, inTurn: createInTurn(), cursors: createCursors(database) },
      log: (_level, _line, message) => void logged.push(message),
    }),
    submitReview: createAgentReviews({ repositories, pullRequests, pulls, reviews: createReviews({ database, outbox, pullRequests }) }),
  }
}

type Connection = ReturnType<typeof connect>

const branch = 'signalbox/APP-1'

/** A pull request of the App's own, and our row of it. */
async function opened(github: Emulated, { pulls, pullRequests, database }: Connection) {
  const head = await github.commit(branch, 'work.txt', 'work\n')
  const pull = (await pulls.open('app', { branch, base: 'main', title: 'Work', body: 'Because.' }))!
  const about = { project: 'app', issue: 'issue-1', key: 'APP-1', branch, base: 'main', head, expected: null }
  const { row } = database.transaction(() => pullRequests.publish({ ...about, title: 'Work', body: 'Because.', draft: false }))()
  expect(row.number).toBe(pull.number)
  return { head, pull }
}

describe.runIf(process.env['SIGNALBOX_NIGHTLY'])('a GitHub that others have written', () => {
  beforeAll(install, 120_000)
  const elsewhere = { url: 'http://127.0.0.1:9/', secret }

  describe('lets us in', () => {
    test('as an App: with a token for the one repository and what is needed there, had once', async () => {
      const github = await start(elsewhere)
      const { repositories } = connect(github)
      expect(await repositories.self()).toEqual({ slug: 'signalbox', login: 'signalbox[bot]' })
      const [place] = await Promise.all([repositories.place('app'), repositories.place('app')])
      expect(place).toMatchObject({ fullName: 'acme/app', defaultBranch: 'main', installation: 100 })
      expect(repositories.projectsOf(place.id)).toEqual(['app'])
      await repositories.identity('app')
      const { installation_tokens: minted } = await github.as('ada', 'GET /_emulate/installation-tokens')
      // By its name before we know its number, and by its number from then on.
      expect(minted).toHaveLength(2)
      const { metadata: _implied, ...asked } = permissions
      for (const token of minted)
        expect(token).toMatchObject({
          installation: { id: 100 },
          permissions: asked,
          repository_selection: 'selected',
          repository_ids: [place.id],
        })
    })

    test('as a user, by a token', async () => {
      const github = await start(elsewhere)
      const { repositories } = connect(github, { token: 'ada' })
      expect(await repositories.self()).toEqual({ slug: 'ada', login: 'ada' })
      expect(await repositories.place('app')).toMatchObject({ fullName: 'acme/app', installation: null })
    })

    test('or says why not', async () => {
      const github = await start(elsewhere)
      const { generateKeyPairSync } = await import('node:crypto')
      const encoding = { type: 'pkcs1', format: 'pem' } as const
      const { privateKey } = generateKeyPairSync('rsa', {
        modulusLength: 2048,
        publicKeyEncoding: encoding,
        privateKeyEncoding: encoding,
      })
      await expect(connect(github, { privateKey }).repositories.self()).rejects.toMatchObject({ code: 'github-unauthorized' })
      // A token that it has never heard of it takes for its first user's, where GitHub answers 401.
      await expect(connect(github, { repo: 'acme/web' }).repositories.place('app')).rejects.toMatchObject({ code: 'github-not-installed' })
      await expect(connect(github, { token: 'ada', repo: 'acme/none' }).repositories.place('app')).rejects.toMatchObject({
        code: 'github-not-found',
      })
    })
  })

  test('takes our pull request once, and what is changed of it', async () => {
    const github = await start(elsewhere)
    const connection = connect(github)
    const { pulls } = connection
    const { pull, head } = await opened(github, connection)
    expect(pull).toMatchObject({ state: 'open', title: 'Work', head: { ref: branch, sha: head }, base: { ref: 'main' } })
    // A second one for the same branches it would take, which GitHub refuses.
    expect((await pulls.ofBranch('app', branch)).map(({ number }) => number)).toEqual([pull.number])
    expect(await pulls.change('app', pull.number, { title: 'Better', state: 'closed' })).toMatchObject({ title: 'Better', state: 'closed' })
    expect(await pulls.change('app', pull.number, { state: 'open' })).toMatchObject({ state: 'open' })
    expect((await pulls.get('app', pull.number)).user).toMatchObject({ login: 'signalbox[bot]' })
  })

  describe('checks', () => {
    test('ours is one check run, which goes on, ends, and begins anew', async () => {
      const github = await start(elsewhere)
      const connection = connect(github)
      const { head } = await opened(github, connection)
      const about = { project: 'app', issue: 'issue-1', key: 'APP-1' }
      const runs = async () =>
        ((await github.as('ada', `GET /repos/acme/app/commits/${head}/check-runs?filter=all`)) as { check_runs: any[] }).check_runs
      await connection.tell({ ...about, kind: 'state', phase: 'delegated', text: 'At work' } as never)
      await connection.tell({ ...about, kind: 'state', phase: 'delegated', text: 'At work' } as never)
      expect(await runs()).toMatchObject([
        { name: 'Signalbox', status: 'in_progress', external_id: 'issue-1', output: { title: 'At work' } },
      ])
      await connection.tell({ ...about, kind: 'state', phase: 'done', text: 'Landed' } as never)
      expect(await runs()).toMatchObject([{ status: 'completed', conclusion: 'success', output: { title: 'Landed' } }])
      expect(connection.logged).toEqual([])
    })

    test('of others are read, and annotations that are no list are not taken for one', async () => {
      const github = await start(elsewhere)
      const connection = connect(github)
      const { head } = await opened(github, connection)
      const annotations = [{ path: 'work.txt', start_line: 1, end_line: 1, annotation_level: 'failure', message: 'expected 1 to be 2' }]
      await github.as('ada', 'POST /repos/acme/app/check-runs', {
        ...{ name: 'unit', head_sha: head, status: 'completed', conclusion: 'failure' },
        output: { title: 'It broke', summary: 'One test failed.', annotations },
      })
      const { repositories, failures } = connection
      const target = { ...(await repositories.at('app')), ref: head }
      const found = await repositories
        .client('app')
        .pages('GET /repos/{owner}/{repo}/commits/{ref}/check-runs', target, checkRunSchema, { pick: 'check_runs' })
      expect(found.map(toCheckRun)).toMatchObject([{ name: 'unit', status: 'COMPLETED', conclusion: 'FAILURE', title: 'It broke' }])
      // GitHub documents an array; here it stands in an object.
      await expect(failures.of('app', toCheckRun(found[0]!))).rejects.toMatchObject({ name: 'ProtocolError', code: 'github-nonsense' })
    })

    test('that protection requires are known', async () => {
      const github = await start(elsewhere)
      const { required, logged } = connect(github)
      expect(await required.of('app', 'main')).toBeNull()
      await github.as('ada', 'PUT /repos/acme/app/branches/main/protection', {
        required_status_checks: { strict: true, contexts: ['unit', 'lint'] },
        ...{ enforce_admins: true, required_pull_request_reviews: null, restrictions: null },
      })
      required.forget('app')
      expect(await required.of('app', 'main')).toEqual([
        { name: 'unit', app: null },
        { name: 'lint', app: null },
      ])
      expect(logged).toEqual([])
    })
  })

  describe('reviews', () => {
    test("an agent's verdict on our own pull request is a comment, said once", async () => {
      const github = await start(elsewhere)
      const connection = connect(github)
      const { pull, head } = await opened(github, connection)
      const verdict = (findings: SubmitInput['findings'], runId: string): SubmitInput => ({
        ...{ project: 'app', issue: 'issue-1', key: 'APP-1', runId, reviewer: 'carol', verdict: 'changes_requested' },
        ...{ body: 'Not yet.', findings, headSha: head },
      })
      const reviews = (): Promise<any[]> => github.as('ada', `GET /repos/acme/app/pulls/${pull.number}/reviews`)
      const whole = verdict([{ path: 'work.txt', line: null, body: 'Why?', blocking: true }], 'run-2')
      for (let time = 0; time < 2; time += 1) expect(await connection.submitReview(whole)).toEqual({ counts: true })
      expect(await reviews()).toMatchObject([{ state: 'COMMENTED', commit_id: head, user: { login: 'signalbox[bot]' } }])
      // It knows positions only, where GitHub has lines: what is refused there is said in the text.
      const placed = verdict([{ path: 'work.txt', line: 1, body: 'Why here?', blocking: true }], 'run-3')
      await connection.submitReview(placed)
      expect((await reviews()).at(-1).body).toContain('- `work.txt:1`: Why here?')
    })

    test('an instruction counts of those who may write', async () => {
      const github = await start(elsewhere)
      const connection = connect(github)
      const { pull } = await opened(github, connection)
      const said = async (login: 'ada' | 'kim') => {
        const { created_at: at, ...rest } = await github.as(login, `POST /repos/acme/app/issues/${pull.number}/comments`, {
          body: '@signalbox go on',
        })
        const comment = { ...rest, created_at: Date.parse(at) }
        return connection.mentions.read({ project: 'app', number: pull.number, comment, kind: 'comment' }, 'poll', undefined)
      }
      expect(await said('ada')).toMatchObject([{ issue: 'issue-1', event: { type: 'tracker.prompted', text: 'go on', author: 'ada' } }])
      expect(await said('kim')).toEqual([])
    })
  })

  describe('tells by webhook', () => {
    const world = sharedWorld({ projects: ['app'] })
    const stored = () =>
      world().database.prepare('SELECT id, event, body FROM delivery JOIN delivery_body USING (seq) ORDER BY seq').all() as Delivery[]

    test('what our server takes by its signature, and our forge can read', async () => {
      const server = await startServer(world().app, { webhooks: { github: secret } })
      const url = `${server.url}/webhooks/github`
      const github = await start({ url, secret })
      const hook = { config: { url, secret: 'another', content_type: 'json' }, events: ['pull_request'] }
      const { id } = await github.as('ada', 'POST /repos/acme/app/hooks', hook)
      const connection = connect(github)
      const { number, head } = await opened(github, connection).then(({ pull, head: sha }) => ({ number: pull.number, head: sha }))
      await expect.poll(() => stored().map(({ event }) => event)).toContain('pull_request')
      // It names deliveries by the millisecond: two at once would be one for us, which GitHub's unique names are not.
      const pause = () => new Promise((resolve) => setTimeout(resolve, 20))
      await github.as('ada', `POST /repos/acme/app/pulls/${number}/reviews`, { event: 'APPROVE', body: 'Fine.', commit_id: head })
      await pause()
      await github.as('ada', `POST /repos/acme/app/issues/${number}/comments`, { body: '@signalbox go on' })
      await pause()
      await github.as('ada', 'POST /repos/acme/app/check-runs', {
        name: 'unit',
        head_sha: head,
        status: 'completed',
        conclusion: 'success',
      })
      await expect
        .poll(() => new Set(stored().map(({ event }) => event)))
        .toEqual(new Set(['pull_request', 'pull_request_review', 'issue_comment', 'check_run']))
      // The hook with another secret was told the same, and got nothing in.
      await expect
        .poll(async () =>
          (await github.as('ada', `GET /repos/acme/app/hooks/${id}/deliveries`)).map((each: any) => [each.event, each.status_code]),
        )
        .toContainEqual(['pull_request', 401])
      expect(stored().filter(({ event }) => event === 'pull_request')).toHaveLength(1)

      // What is told of a pull request itself is held against its branch, for which git is needed. And the issue of a comment does not say
      // here that it is a pull request, as GitHub's does: it is told to nobody.
      const told = async (name: string): Promise<Notice[]> => {
        const { event, id: guid, body } = stored().find(({ event: one }) => one === name)!
        return connection.inlet.read({ event, id: guid, body, receivedAt: 0 })
      }
      const look = { kind: 'look', issue: 'issue-1', at: 'forge' }
      expect(JSON.parse(stored().find(({ event }) => event === 'issue_comment')!.body).issue.pull_request).toBeUndefined()
      expect([await told('pull_request_review'), await told('issue_comment'), await told('check_run')]).toEqual([[look], [], [look]])
    })
  })
})
