// A server as an operator has it: a process of its own between twins of Linear and GitHub, with changes that wait for a reviewer.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { freePort } from '../src/cli/demo/server.ts'
import { createGithubTwin, type GithubTwin, type PullRequest } from '../test/twins/github.ts'
import { createLinearTwin, type LinearTwin } from '../test/twins/linear.ts'
import { token } from './app.ts'
import type { Template } from './offer.ts'

const program = fileURLToPath(new URL('../bin/signalbox.js', import.meta.url))
const secret = 'the secret of the hook'

export interface Readiness {
  ready: boolean
  backlog: number
  oldestUnhandledMs: number
  eventLoopLagMs: number
}

export interface Operator {
  github: GithubTwin
  linear: LinearTwin
  pid: number
  /** Of the server's debugger. */
  debugger: string
  url: string
  /** Everything that both twins have told so far, to be told again in other words. */
  templates: () => Template[]
  ready: () => Promise<Readiness>
  /** Resolves when every delivery has been handled. */
  handled: () => Promise<void>
  /** What became of the deliveries, once the server has stopped. */
  stop: () => Promise<{ stored: number; unhandled: number; putAside: number; offered: Set<string> }>
}

/** Opens it in the folder `place`, with `changes` open, each linked to its issue in Linear, green, and without a verdict. */
export async function openOperator(place: string, changes: number): Promise<Operator> {
  mkdirSync(join(place, 'home'), { recursive: true })
  const port = await freePort()
  const address = `http://127.0.0.1:${port}`
  const plenty = 1_000_000_000
  const github = await createGithubTwin({
    folder: join(place, 'github'),
    limits: { rest: plenty, graphql: plenty, contentPerMinute: plenty },
  })
  const repository = await github.createRepository({
    name: 'acme/app',
    files: { 'README.md': '# app\n' },
    roles: { alice: 'write', rob: 'write' },
  })
  github.ci(repository, () => [{ name: 'test' }])
  github.protect(repository, 'main', { requiredChecks: [{ context: 'test' }], requiredApprovals: 1 })
  const write = ['contents', 'pull_requests', 'checks', 'issues', 'actions'].map((name) => [name, 'write' as const])
  const read = ['statuses', 'administration', 'metadata'].map((name) => [name, 'read' as const])
  const registered = github.createApp({
    slug: 'signalbox',
    permissions: Object.fromEntries([...write, ...read]),
    events: ['pull_request', 'pull_request_review', 'issue_comment', 'check_run', 'check_suite', 'status', 'workflow_run'],
    webhook: { url: `${address}/webhooks/github`, secret },
  })
  github.install(registered, 'acme')
  const linear = await createLinearTwin({
    teams: [{ key: 'ENG', name: 'Engineering' }],
    app: { redirectUris: [`${address}/oauth/linear/callback`], webhookUrl: `${address}/webhooks/linear` },
    limits: { requests: plenty, complexity: plenty },
  })
  const { clientId, clientSecret, webhookSecret } = linear.app
  writeFileSync(join(place, 'token'), `${token}\n`)
  const config = {
    server: { port, operatorToken: 'file:token' },
    store: { path: 'state/signalbox.db' },
    tracker: {
      ...{ kind: 'linear', apiUrl: linear.apiUrl, authorizeUrl: `${linear.url}/oauth/authorize` },
      ...{ clientId, clientSecret, webhookSecret, tokenKey: 'a key of the measurement that is long enough' },
    },
    forge: {
      ...{ kind: 'github', apiUrl: github.restUrl, appId: registered.id, privateKey: registered.privateKey },
      webhookSecret: secret,
    },
    agents: { none: { kind: 'command', command: 'exit 1' } },
    projects: [{ id: 'app', repo: 'acme/app', review: { by: 'human' } }],
  }
  writeFileSync(join(place, 'signalbox.config.json'), JSON.stringify(config))
  const server = await startServer(place)
  const asked = async <T>(path: string, request: RequestInit = {}): Promise<T> => {
    const headers = { authorization: `Bearer ${token}`, ...(request.body ? { 'content-type': 'application/json' } : {}) }
    const answer = await fetch(`${address}${path}`, { ...request, headers })
    if (!answer.ok && path !== '/ready') throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as T
  }
  /** How many issues are in a phase; a page has 100. */
  const countIn = async (phase: string): Promise<number> => {
    let [count, cursor]: [number, string | null] = [0, '']
    while (cursor !== null) {
      const from: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
      const page: { issues: unknown[]; next: string | null } = await asked(`/api/issues?phase=${phase}&limit=100${from}`)
      count += page.issues.length
      cursor = page.next
    }
    return count
  }
  const ready = (): Promise<Readiness> => asked('/ready')

  const { url: authorize } = await asked<{ url: string }>('/api/connections', { method: 'POST', body: '{"provider":"linear"}' })
  await (await fetch(await linear.oauth.approve(authorize))).text()
  await openChanges({ github, linear, repository }, changes)
  await until(`${changes} changes to wait for a reviewer`, async () => (await countIn('pr_open')) === changes)
  const handled = (): Promise<void> => until('every delivery to be handled', async () => (await ready()).backlog === 0)
  await handled()

  return {
    ...{ github, linear, pid: server.pid, debugger: server.debugger, url: address, ready, handled },
    templates: () => [
      // GitHub keeps the bodies of the newest only.
      ...github.deliveries.flatMap(({ event, body }) => (body === '' ? [] : [{ provider: 'github' as const, event, body, secret }])),
      ...linear.deliveries.map(({ type: event, body }) => ({
        ...{ provider: 'linear' as const, event, body: JSON.stringify({ ...body, webhookTimestamp: 0 }), secret: webhookSecret },
      })),
    ],
    async stop() {
      await handled()
      await server.stop()
      await linear.idle()
      await github.settled()
      await linear.close()
      await github.close()
      return readDeliveries(join(place, 'state', 'signalbox.db'))
    },
  }
}

/** Somebody has made the changes already, and hands the issues over. */
async function openChanges(
  { github, linear, repository }: { github: GithubTwin; linear: LinearTwin; repository: ReturnType<GithubTwin['repository']> },
  count: number,
): Promise<void> {
  const alice = github.as('alice')
  const person = linear.workspace().as('alice')
  for (let n = 0; n < count; n++) {
    await alice.push(repository, `change-${n}`, { [`file-${n}.txt`]: `The change ${n}.\n` })
    const pull: PullRequest = await alice.open(repository, { title: `Change ${n}`, head: `change-${n}`, base: 'main' })
    const issue = person.createIssue({
      title: `Make change ${n}`,
      description: 'The parser drops offsets after the second pass. Keep them.',
    })
    person.attach(issue, { url: `${github.url}/acme/app/pull/${pull.number}`, linkKind: 'closes' })
    person.delegate(issue)
  }
  await github.settled()
}

async function startServer(place: string): Promise<{ pid: number; debugger: string; stop: () => Promise<void> }> {
  const args = ['--inspect=127.0.0.1:0', program, 'start', '--json', '--config', join(place, 'signalbox.config.json')]
  // The pipe is its lifeline: when this process is gone, the server goes too.
  const child = spawn(process.execPath, args, {
    cwd: place,
    env: { PATH: process.env['PATH'], HOME: join(place, 'home'), LANG: 'C.UTF-8', GIT_CONFIG_NOSYSTEM: '1', SIGNALBOX_HANDED_OVER: '1' },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const ended = once(child, 'exit')
  let [stdout, stderr] = ['', '']
  child.stdout!.on('data', (chunk: Buffer) => (stdout += String(chunk)))
  child.stderr!.on('data', (chunk: Buffer) => (stderr = (stderr + String(chunk)).slice(-100_000)))
  await until('the server to be ready', async () => {
    if (child.exitCode !== null) throw new Error(`The server did not start:\n${stderr}`)
    return stdout.includes('\n')
  })
  return {
    pid: child.pid!,
    debugger: /ws:\/\/\S+/.exec(stderr)![0],
    stop: async () => void (await endServer(child, ended, () => stderr)),
  }
}

async function endServer(child: ChildProcess, ended: Promise<unknown>, said: () => string): Promise<void> {
  child.kill('SIGTERM')
  await ended
  if (child.exitCode !== 0) throw new Error(`The server ended with ${child.exitCode}:\n${said()}`)
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 600_000
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`Waited in vain for ${what}`)
    await pause(100)
  }
}

function readDeliveries(path: string): Awaited<ReturnType<Operator['stop']>> {
  const db = new Database(path, { readonly: true })
  const one = (where: string): number => (db.prepare(`SELECT count(*) AS n FROM delivery WHERE ${where}`).get() as { n: number }).n
  const offered = db.prepare("SELECT id FROM delivery WHERE id LIKE 'offered-%'").pluck().all() as string[]
  const found = { stored: one('1'), unhandled: one('handled_at IS NULL'), putAside: one('error IS NOT NULL'), offered: new Set(offered) }
  db.close()
  return found
}
