// A world whose forge is GitHub's twin, as an App is installed on a repository there, and a real server.

import { afterEach } from 'vitest'
import { join } from 'node:path'
import { events } from '../../src/actors/forge/github/doctor-webhook.ts'
import { needed, wished } from '../../src/actors/forge/github/tokens.ts'
import { createGithubTwin, type Ci, type GithubTwin, type PullRequest, type Repository } from '../twins/github.ts'
import { freePort } from '../../src/cli/demo/server.ts'
import { createWorld, until, type ProjectOptions, type World } from './harness.ts'

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close()
})

export interface GithubWorld {
  world: World
  twin: GithubTwin
  repository: Repository
  /** The pull request of the issue, once it is there. */
  pullOf: (key: string) => Promise<PullRequest>
}

/** The App as it is registered: with what the code asks for, so that nothing is tested with more. */
export const app = { slug: 'signalbox', permissions: { ...needed, ...wished, metadata: 'read' as const }, events }

/** A workflow that runs for pushes to these, and for pull requests. */
export const isTested = (branch: string): boolean => branch === 'main' || branch.startsWith('signalbox/landing/')

/** `second`: the repository of a second project, `web`. Alice and rob may write, rita only reads. CI passes at once unless it is told otherwise. */
export async function hosted(
  options: {
    webhooks?: boolean
    project?: Partial<ProjectOptions>
    more?: object
    token?: boolean
    ci?: Ci
    second?: 'acme/web' | 'zoo/web'
  } = {},
): Promise<GithubWorld> {
  const { webhooks = true } = options
  const port = await freePort()
  const first = { id: 'app', review: 'human' as const, ...options.project, more: { repo: 'acme/app', ...options.project?.more } }
  const world = createWorld({
    port,
    projects: [first, ...(options.second ? [{ id: 'web', review: 'human' as const, more: { repo: options.second } }] : [])],
  })
  open.push(() => world.close())
  const twin = await createGithubTwin({ folder: join(world.folder, 'github') })
  open.push(() => twin.close())
  const repository = await twin.createRepository({
    name: 'acme/app',
    files: { 'README.md': '# app\n', 'notes.txt': 'one\n' },
    roles: { alice: 'write', rob: 'write', root: 'admin', rita: 'read' },
  })
  twin.ci(repository, options.ci ?? (() => [{ name: 'test' }]), isTested)
  if (options.second) {
    const other = await twin.createRepository({ name: options.second, files: { 'README.md': '# web\n' }, roles: { alice: 'write' } })
    twin.ci(other, () => [{ name: 'test' }], isTested)
  }
  const secret = 'the secret of the hook'
  const url = `http://127.0.0.1:${port}/webhooks/github`
  const registered = twin.createApp({ ...app, ...(webhooks ? { webhook: { url, secret } } : {}) })
  // Each organisation has an installation of its own.
  for (const owner of new Set(['acme', ...(options.second ? [options.second.split('/')[0]!] : [])])) twin.install(registered, owner)
  const credentials = options.token ? { token: twin.userToken('root') } : { appId: registered.id, privateKey: registered.privateKey }
  world.writeConfig({
    forge: { kind: 'github', apiUrl: twin.restUrl, ...credentials, webhookSecret: secret },
    webhooks,
    // Where webhooks come nothing is asked for: what becomes known was told.
    polling: webhooks ? { shortest: '1h', longest: '1h' } : { shortest: '200ms', longest: '1s', everyone: 1 },
    ...options.more,
  })
  return {
    world,
    twin,
    repository,
    async pullOf(key) {
      let found: PullRequest | undefined
      await until(
        async () => {
          const { pr } = await world.issue(key)
          found = pr === null ? undefined : repository.pulls.get(pr.number)
          return found !== undefined
        },
        { what: `the pull request of ${key}`, saw: world.log },
      )
      return found!
    },
  }
}
