// What the tests of the GitHub twin begin with: a twin in a temporary folder, an App, a repository with people, and the real clients.

import { once } from 'node:events'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createAppAuth } from '@octokit/auth-app'
import { Octokit } from '@octokit/rest'
import { Webhooks } from '@octokit/webhooks'
import { events } from '../../src/actors/forge/github/doctor-webhook.ts'
import { needed, wished, type Permissions } from '../../src/actors/forge/github/tokens.ts'
import { createGithubTwin } from './github.ts'
import type { GithubTwinOptions, RepositoryOptions } from './github.ts'

const run = promisify(execFile)
export const SECRET = 'a secret of hooks'

const { administration: _withheld, ...asked } = wished
/** What we ask for, without one thing that is then refused; and what others do who report on a commit. */
export const PERMISSIONS: Permissions = { ...needed, ...asked, statuses: 'write' }

/** Beside those that we read, what else the twin tells. */
export const EVENTS = [...events, 'push', 'create', 'delete', 'workflow_job', 'deployment_status']

export interface Received {
  event: string
  action: string | undefined
  guid: string
  payload: Record<string, any>
}

/** Receives deliveries as a real receiver does: it verifies the signature with Octokit, and answers as it is told. */
export async function createReceiver() {
  const hooks = new Webhooks({ secret: SECRET })
  const received: Received[] = []
  const refused: string[] = []
  let status = 204
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const payload = JSON.parse(body) as Record<string, any>
    const event = String(request.headers['x-github-event'])
    if (!(await hooks.verify(body, String(request.headers['x-hub-signature-256'])))) refused.push(event)
    if (status < 300) received.push({ event, action: payload['action'], guid: String(request.headers['x-github-delivery']), payload })
    response.writeHead(status).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    received,
    refused,
    answerWith: (next: number) => void (status = next),
    names: () => received.map(({ event, action }) => (action === undefined ? event : `${event}.${action}`)),
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export async function createGithubWorld(
  options: { repository?: Partial<RepositoryOptions>; twin?: Partial<GithubTwinOptions>; webhooks?: boolean } = {},
) {
  const folder = await mkdtemp(join(tmpdir(), 'github-twin-'))
  const twin = await createGithubTwin({ folder: join(folder, 'twin'), ...options.twin })
  const receiver = await createReceiver()
  const repository = await twin.createRepository({
    name: 'acme/shop',
    files: { 'README.md': '# Shop\n', 'src/price.ts': 'export const price = 1\nexport const tax = 2\n' },
    roles: { alice: 'write', root: 'admin', rita: 'read' },
    ...options.repository,
  })
  const app = twin.createApp({
    slug: 'signalbox',
    permissions: PERMISSIONS,
    events: EVENTS,
    ...(options.webhooks === false ? {} : { webhook: { url: receiver.url, secret: SECRET } }),
  })
  const installation = twin.install(app, 'acme')
  // A virtual clock does not tell the time that the client signs with: it is given the twin's.
  const timeDifference = (twin.world.clock.now() - Date.now()) / 1000
  const auth = { appId: app.id, privateKey: app.privateKey, timeDifference }
  const asApp = new Octokit({ baseUrl: twin.restUrl, authStrategy: createAppAuth, auth })
  const octokit = new Octokit({ baseUrl: twin.restUrl, authStrategy: createAppAuth, auth: { ...auth, installationId: installation.id } })
  const quiet = { debug() {}, info() {}, warn() {}, error() {} }
  asApp.log = quiet
  octokit.log = quiet
  const at = { owner: 'acme', repo: 'shop' }
  let clones = 0
  return {
    folder,
    twin,
    receiver,
    repository,
    app,
    installation,
    asApp,
    octokit,
    at,
    quiet,
    user(login: string) {
      const client = new Octokit({ baseUrl: twin.restUrl, auth: twin.userToken(login) })
      client.log = quiet
      return client
    },
    async token(): Promise<string> {
      const { token } = (await octokit.auth({ type: 'installation' })) as { token: string }
      return token
    },
    /** Runs git with a token as Signalbox's children do: in a header, never in the address. */
    async git(cwd: string, token: string | undefined, ...args: string[]): Promise<string> {
      const header =
        token === undefined
          ? []
          : ['-c', `http.extraHeader=Authorization: Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`]
      const env = { PATH: process.env['PATH'], HOME: folder, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1' }
      const who = ['-c', 'user.name=bot', '-c', 'user.email=bot@example.com']
      const { stdout, stderr } = await run('git', [...header, ...who, ...args], { cwd, env })
      return stdout + stderr
    },
    /** A fresh clone. */
    async clone(token: string | undefined): Promise<string> {
      const path = join(folder, `clone-${++clones}`)
      await this.git(folder, token, 'clone', '-q', twin.cloneUrl(repository), path)
      return path
    },
    async commit(clone: string, branch: string, file: string, text: string): Promise<string> {
      await this.git(clone, undefined, 'checkout', '-q', '-B', branch)
      await writeFile(join(clone, file), text)
      await this.git(clone, undefined, 'add', '-A')
      await this.git(clone, undefined, 'commit', '-q', '-m', `Change ${file}`)
      return (await this.git(clone, undefined, 'rev-parse', 'HEAD')).trim()
    },
    async close(): Promise<void> {
      try {
        await twin.close()
      } finally {
        await receiver.close()
        await rm(folder, { recursive: true, force: true, maxRetries: 5 })
      }
    },
  }
}

export type GithubWorld = Awaited<ReturnType<typeof createGithubWorld>>
