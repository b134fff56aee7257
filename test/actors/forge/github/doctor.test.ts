// What `doctor` finds between us and GitHub.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkGithub } from '../../../../src/actors/forge/github.ts'
import type { ProjectConfig } from '../../../../src/config.ts'
import { configSchema } from '../../../../src/config-schema.ts'
import { Secret } from '../../../../src/config-values.ts'
import { createWorld, permissions, type World } from './fixture.ts'

let world: World
beforeAll(async () => {
  world = await createWorld({ autoMerge: true })
})
afterAll(() => world.close())

const secret = (value: string): Secret => new Secret('forge', 'a test', null, () => value)

async function found(more: { project?: object; settings?: object; now?: number; publicUrl?: string | null } = {}) {
  const app = [...world.twin.world.apps.values()].find(({ slug }) => slug === 'box')!
  const { projects } = configSchema.parse({
    agents: { fake: { kind: 'command', command: 'true' } },
    projects: [{ id: 'app', repo: 'acme/app', ...more.project }],
  })
  const settings = {
    kind: 'github' as const,
    apiUrl: world.twin.restUrl,
    appId: String(app.id),
    privateKey: secret(app.privateKey),
    token: null,
    webhookSecret: secret('s'),
    ...more.settings,
  }
  const findings = await checkGithub(settings, projects as unknown as ProjectConfig[], {
    now: () => Date.now() + (more.now ?? 0),
    webhooks: true,
    publicUrl: more.publicUrl === undefined ? 'http://127.0.0.1:9' : more.publicUrl,
  })
  return findings.map(({ level, what, message }) => `${level} ${what}: ${message}`)
}

test('all is well, and who lands', async () => {
  const lines = await found()
  expect(lines.filter((line) => line.startsWith('fail'))).toEqual([])
  expect(lines).toEqual(
    expect.arrayContaining(['pass GitHub App: is box', 'pass project app: is acme/app', "pass project app: GitHub's auto-merge lands"]),
  )
})

test('a key that is none, a token that is none, a repository that is not there', async () => {
  expect((await found({ settings: { privateKey: secret('nonsense') } })).join()).toMatch(/^fail GitHub App: .*private key/)
  expect((await found({ settings: { appId: null, privateKey: null, token: secret('ghp_wrong') } })).join()).toMatch(/^fail GitHub token: /)
  expect((await found({ project: { repo: 'acme/nowhere' } })).join('\n')).toMatch(/fail project app: .*not installed on acme\/nowhere/)
  expect((await found({ project: { repo: '/home/kim/app' } })).join('\n')).toMatch(/fail project app: .*no repository at/)
})

test('a clock that is off, a base branch that is missing, a webhook that goes elsewhere', async () => {
  expect((await found({ now: 120_000 })).join('\n')).toMatch(/fail clock: is 1\d\d s off/)
  expect((await found({ project: { baseBranch: 'trunk' } })).join('\n')).toContain('fail project app: has no branch trunk')
  expect((await found({ publicUrl: 'https://box.example' })).join('\n')).toContain(
    'warn GitHub webhook: goes to http://127.0.0.1:9/, not to https://box.example/webhooks/github',
  )
})

test('a required check that nobody reports, and a lander that is not there', async () => {
  world.twin.ruleset(world.repository, 'main', { requiredChecks: [{ context: 'unit' }] })
  expect((await found()).join('\n')).toContain('warn project app: the required unit has not been reported lately')
  await world.twin.as('root').status(world.repository, world.branch('main')!, 'unit', 'success')
  expect((await found()).join('\n')).toContain('pass project app: requires unit')
  expect((await found({ project: { landing: { lander: 'merge_queue' } } })).join('\n')).toContain(
    'fail project app: its base branch has no merge queue',
  )
  expect((await found({ project: { landing: { lander: 'external' } } })).join('\n')).toContain(
    'warn project app: no check merge-steward/queue has been reported',
  )
})

test('permissions that are needed, and those without which something is left out', async () => {
  const installation = [...world.twin.world.installations.values()].find(({ app }) => app.slug === 'box')!
  world.twin.setPermissions(installation, { ...permissions, pull_requests: 'read' })
  expect((await found()).join('\n')).toMatch(/fail project app: .*pull_requests: write/)
  const { actions: _actions, ...others } = permissions
  world.twin.setPermissions(installation, others)
  expect((await found()).join('\n')).toContain(
    'warn project app: the App lacks the permission actions: write; logs of failed jobs are not read',
  )
})
