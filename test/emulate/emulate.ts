// `emulate`, a stand-in for GitHub that others have written: installed where it is not, and started on a free port of loopback.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'

/** What is used of the package, which is not there when types are checked. */
interface Api {
  createEmulator: (options: { service: 'github'; port: number; seed: object }) => Promise<Emulator>
}
interface Emulator {
  url: string
  generatedSecrets: readonly { kind: string; id: string; value: string }[]
  close: () => Promise<void>
}

const entry = join(import.meta.dirname, 'node_modules/emulate/dist/api.js')

/** The exact versions of the lockfile beside this file; nothing of them is run while they are installed. */
export async function install(): Promise<void> {
  if (existsSync(entry)) return
  await promisify(execFile)('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: import.meta.dirname })
}

export const appId = 4711
export const permissions = {
  ...{ contents: 'write', pull_requests: 'write', checks: 'write', issues: 'write', actions: 'write', statuses: 'read' },
  ...{ administration: 'read', metadata: 'read' },
}

/** An organisation with the repositories `acme/app` and `acme/web`; the App is installed on the first. Ada administers, kim only looks on. */
export async function start(webhook: { url: string; secret: string }) {
  const { createEmulator } = (await import(pathToFileURL(entry).href)) as Api
  const events = ['pull_request', 'pull_request_review', 'issue_comment', 'check_run', 'check_suite', 'repository']
  const seed = {
    tokens: { ada: { login: 'ada', scopes: ['repo', 'user', 'admin:org'] }, kim: { login: 'kim', scopes: ['repo', 'user'] } },
    github: {
      users: [{ login: 'ada', site_admin: true }, { login: 'kim' }],
      orgs: [{ login: 'acme', members: [{ login: 'ada', role: 'admin' }] }],
      repos: ['app', 'web'].map((name) => ({ owner: 'acme', name, auto_init: true })),
      apps: [
        {
          ...{ app_id: appId, slug: 'signalbox', name: 'Signalbox', permissions, events },
          ...{ webhook_url: webhook.url, webhook_secret: webhook.secret },
          installations: [{ installation_id: 100, account: 'acme', repository_selection: 'selected', repositories: ['acme/app'] }],
        },
      ],
    },
  }
  const emulator = await createEmulator({ service: 'github', port: 0, seed })
  onTestFinished(() => emulator.close())

  /** As one of its users, without anything of ours in between. */
  async function as<T = any>(login: 'ada' | 'kim', route: string, body?: object): Promise<T> {
    const [method, path] = route.split(' ') as [string, string]
    const response = await fetch(`${emulator.url}${path}`, {
      method,
      headers: { authorization: `token ${login}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${route}: ${response.status} ${text}`)
    return (text === '' ? {} : JSON.parse(text)) as T
  }

  return {
    url: emulator.url,
    privateKey: emulator.generatedSecrets.find(({ kind }) => kind === 'github.app_private_key')!.value,
    as,
    /** A commit of one file on a branch, made where it is not there; answers the commit. */
    async commit(branch: string, file: string, text: string): Promise<string> {
      const { object } = await as('ada', 'GET /repos/acme/app/git/ref/heads/main')
      await as('ada', 'POST /repos/acme/app/git/refs', { ref: `refs/heads/${branch}`, sha: object.sha }).catch(() => {})
      const content = Buffer.from(text).toString('base64')
      const { commit } = await as('ada', `PUT /repos/acme/app/contents/${file}`, { message: `Change ${file}`, content, branch })
      return commit.sha as string
    },
  }
}

export type Emulated = Awaited<ReturnType<typeof start>>
