// What a start needs of GitHub, looked at one by one: credentials and clock, installation and permissions, webhook, base branch, checks, lander.

import Database from 'better-sqlite3'
import { z } from 'zod'
import type { ProjectConfig } from '../../../config.ts'
import { SignalboxError } from '../../../errors.ts'
import { githubSchema } from '../../../persistence/github-schema.ts'
import type { Client } from './client.ts'
import { commitStatusSchema, checkRunSchema } from './commit-checks.ts'
import { checkWebhook } from './doctor-webhook.ts'
import { fail, pass, sentenceOf, warn, type GithubFinding } from './finding.ts'
import { isRunOf, nameOfWorkflow, namesOf, type SeenRun } from './head-standing.ts'
import { findBarriers } from './landing-barriers.ts'
import { createGithubRepositories, type GithubRepositories, type GithubSettings } from './repositories.ts'
import { createRequiredChecks } from './required.ts'
import { forGit, grants, missingOf, wished } from './tokens.ts'
import { readWorkflowRuns } from './workflow-runs.ts'

/** What is left out without a permission that is only wished for. */
const lost: Record<string, string> = {
  checks: 'what an issue is doing is not shown on its pull request',
  statuses: 'commit statuses are not seen',
  issues: 'comments on pull requests may not be seen',
  actions: 'logs of failed jobs are not read, and they are not run again',
  administration: 'the checks that classic branch protection requires are not known: set checks.required',
  merge_queues: "GitHub's merge queue cannot be used",
  workflows: 'a change of a workflow file cannot be pushed',
}
/** Milliseconds between our clock and GitHub's, beyond which its tokens fail. */
const clockWarn = 20_000
const clockFail = 60_000

/** Never throws: what cannot be looked at is a finding. */
export async function checkGithub(
  settings: GithubSettings,
  projects: readonly ProjectConfig[],
  options: { now: () => number; webhooks: boolean; publicUrl: string | null; timeout?: number },
): Promise<GithubFinding[]> {
  const database = new Database(':memory:')
  try {
    database.exec(githubSchema)
    const repositories = createGithubRepositories({ settings, projects, database, now: options.now, timeout: options.timeout })
    const found: GithubFinding[] = [...(await checkCredentials(repositories, projects, options.now))]
    if (found.some(({ level }) => level === 'fail')) return found
    if (options.webhooks) found.push(...(await checkWebhook(repositories, settings, { projects, publicUrl: options.publicUrl })))
    for (const project of projects) found.push(...(await checkProject(repositories, project, options.now)))
    return found
  } catch (error) {
    return [fail('GitHub', sentenceOf(error), 'Mend forge in the configuration.')]
  } finally {
    database.close()
  }
}

async function checkCredentials(
  repositories: GithubRepositories,
  projects: readonly ProjectConfig[],
  now: () => number,
): Promise<GithubFinding[]> {
  const found: GithubFinding[] = []
  const client: Client = repositories.isApp ? repositories.app : repositories.client(projects[0]!.id)
  const what = repositories.isApp ? 'GitHub App' : 'GitHub token'
  try {
    const { slug } = await repositories.self()
    found.push(pass(what, repositories.isApp ? `is ${slug}` : `is ${slug}'s; as an App, Signalbox could show check runs`))
  } catch (error) {
    return [fail(what, sentenceOf(error), repositories.isApp ? 'Check forge.appId and forge.privateKey.' : 'Check forge.token.')]
  }
  const { date } = await client.headers(repositories.isApp ? 'GET /app' : 'GET /user', {}).catch(() => ({ date: undefined }))
  const apart = date === undefined ? 0 : Math.abs(Date.parse(String(date)) - now())
  const seconds = Math.round(apart / 1_000)
  if (apart > clockFail)
    found.push(fail('clock', `is ${seconds} s off GitHub's`, 'Set the clock of this machine by NTP: tokens are refused.'))
  else if (apart > clockWarn) found.push(warn('clock', `is ${seconds} s off GitHub's`, 'Set the clock of this machine by NTP.'))
  return found
}

async function checkProject(repositories: GithubRepositories, project: ProjectConfig, now: () => number): Promise<GithubFinding[]> {
  const what = `project ${project.id}`
  try {
    const place = await repositories.place(project.id)
    const found: GithubFinding[] = [pass(what, `is ${place.fullName}`)]
    if (repositories.isApp) found.push(...checkPermissions(what, (await repositories.installationOf(project.id)).permissions))
    else found.push(...(await checkToken(what, repositories, project.id)))
    found.push(...(await checkBranch(repositories, project, place.defaultBranch, now)))
    return found
  } catch (error) {
    return [fail(what, sentenceOf(error), 'Check repo, and where the App is installed or what the token may do.')]
  }
}

function checkPermissions(what: string, granted: Record<string, string>): GithubFinding[] {
  const missing = missingOf(granted)
  const accept = 'Give the App the permission, and accept it for the installation.'
  if (missing.length > 0) return missing.map((name) => fail(what, `the App lacks the permission ${name}`, accept))
  return Object.entries({ ...wished, ...forGit })
    .filter(([name, level]) => !grants(granted, name, level))
    .map(([name, level]) => warn(what, `the App lacks the permission ${name}: ${level}; ${lost[name] ?? 'something is left out'}`, accept))
}

const accessSchema = z.object({ private: z.boolean(), permissions: z.object({ push: z.boolean() }).optional() })

/**
 * What the token's user may do in the repository, and of a classic token what that one may: its scopes are in a header. Of a fine-grained
 * token GitHub tells neither, until it is used.
 * https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps
 */
async function checkToken(what: string, repositories: GithubRepositories, project: string): Promise<GithubFinding[]> {
  const place = await repositories.at(project)
  const { request, headers } = repositories.client(project)
  const route = 'GET /repos/{owner}/{repo}'
  const access = await request(route, place, accessSchema, { what: 'what the token may do there' })
  const found: GithubFinding[] = []
  if (access.permissions?.push === false)
    found.push(fail(what, 'the user of the token may not push there', 'Give the user the role Write, or take the token of another one.'))
  const told = (await headers(route, place))['x-oauth-scopes']
  if (typeof told !== 'string') return found
  const scopes = told.split(',').map((scope) => scope.trim())
  if (!scopes.includes('repo') && (access.private || !scopes.includes('public_repo')))
    found.push(fail(what, 'the token lacks the scope repo', 'Make a token with it.'))
  if (!scopes.includes('workflow'))
    found.push(warn(what, `the token lacks the scope workflow; ${lost['workflows']!}`, 'Make a token with it.'))
  return found
}

const branchSchema = z.object({ commit: z.object({ sha: z.string() }) })
const headSchema = z.object({ head: z.object({ sha: z.string() }) })
const abilitiesSchema = z.object({
  repository: z.object({ autoMergeAllowed: z.boolean(), mergeQueue: z.object({ id: z.string() }).nullable() }),
})

async function checkBranch(
  repositories: GithubRepositories,
  project: ProjectConfig,
  defaultBranch: string,
  now: () => number,
): Promise<GithubFinding[]> {
  const what = `project ${project.id}`
  const branch = project.baseBranch ?? defaultBranch
  const place = await repositories.at(project.id)
  const { request, pages, graphql } = repositories.client(project.id)
  let head: string
  try {
    head = (
      await request('GET /repos/{owner}/{repo}/branches/{branch}', { ...place, branch }, branchSchema, { what: `the branch ${branch}` })
    ).commit.sha
  } catch (error) {
    if (error instanceof SignalboxError && error.code === 'github-not-found')
      return [fail(what, `has no branch ${branch}`, 'Set baseBranch.')]
    throw error
  }
  const found: GithubFinding[] = []
  const unreadable: string[] = []
  const required = createRequiredChecks({
    repositories,
    projects: [project],
    now,
    onUnreadable: (_project, error) => unreadable.push(error.message),
  })
  const rules = await required.onHead(project.id, branch)
  for (const message of unreadable)
    found.push(warn(what, message, 'Give the App the permission administration: read, or set checks.required.'))
  const recent = await pages(
    'GET /repos/{owner}/{repo}/pulls',
    { ...place, state: 'all', sort: 'updated', direction: 'desc', per_page: 5 },
    headSchema,
    { what: 'the last pull requests', most: 1 },
  )
  const reported = new Set<string>()
  const seenRuns: SeenRun[] = []
  for (const ref of new Set([head, ...recent.map((pull) => pull.head.sha)])) {
    const runs = await pages('GET /repos/{owner}/{repo}/commits/{ref}/check-runs', { ...place, ref }, checkRunSchema, {
      what: 'the checks of a commit',
      pick: 'check_runs',
    })
    const statuses = await pages('GET /repos/{owner}/{repo}/commits/{ref}/status', { ...place, ref }, commitStatusSchema, {
      what: 'the statuses of a commit',
      pick: 'statuses',
    })
    for (const { name } of runs) reported.add(name)
    for (const { context } of statuses) reported.add(context)
    if (rules.workflows.length > 0) seenRuns.push(...(await readWorkflowRuns(repositories, project.id, ref)))
  }
  for (const workflow of rules.workflows) if (seenRuns.some((run) => isRunOf(workflow, run))) reported.add(nameOfWorkflow(workflow))
  const names = namesOf(rules)
  const unheard = names.filter((name) => !reported.has(name))
  if (unheard.length > 0)
    found.push(
      warn(
        what,
        `the required ${unheard.join(', ')} has not been reported lately: a change would wait for it for ever`,
        `Reported lately: ${[...reported].join(', ') || 'nothing'}. Mend the protection of ${branch}, or checks.required.`,
      ),
    )
  else if (names.length > 0) found.push(pass(what, `requires ${names.join(', ')}`))
  else found.push(pass(what, 'requires no checks: whatever is reported on a head counts'))
  const { repository } = await graphql(
    'query ($owner: String!, $repo: String!, $branch: String!) { repository(owner: $owner, name: $repo) { autoMergeAllowed mergeQueue(branch: $branch) { id } } }',
    { ...place, branch },
    abilitiesSchema,
    { what: 'the merge queue' },
  )
  const has = {
    hasQueue: repository.mergeQueue !== null,
    hasAutoMerge: repository.autoMergeAllowed,
    isExternal: reported.has(project.checks.queue),
  }
  const lander = checkLander(what, project, has)
  if (landerOf(project, has) !== 'embedded') return [...found, ...lander]
  // What is tested on this machine is not reported at GitHub.
  const awaited = project.ci === null ? (rules.checks ?? []).map(({ name }) => name) : []
  const barriers = await findBarriers(repositories, { project: project.id, branch, awaited })
  return [...found, ...(barriers.length === 0 ? lander : barriers.map((barrier) => ({ what, ...barrier })))]
}

interface Abilities {
  hasQueue: boolean
  hasAutoMerge: boolean
  isExternal: boolean
}

const landerOf = ({ landing: { lander } }: ProjectConfig, has: Abilities) =>
  lander !== 'auto' ? lander : has.hasQueue ? 'merge_queue' : has.isExternal ? 'external' : has.hasAutoMerge ? 'auto_merge' : 'embedded'

function checkLander(what: string, project: ProjectConfig, has: Abilities): GithubFinding[] {
  const { landing, checks } = project
  const { lander } = landing
  if (lander === 'merge_queue' && !has.hasQueue)
    return [fail(what, 'its base branch has no merge queue', 'Require one in its rules, or set landing.lander.')]
  if (lander === 'auto_merge' && !has.hasAutoMerge)
    return [fail(what, 'does not allow auto-merge', 'Allow it in the settings of the repository, or set landing.lander.')]
  if (lander === 'external' && !has.isExternal)
    return [
      warn(
        what,
        `no check ${checks.queue} has been reported lately: nobody seems to land`,
        'Check that the lander runs, and checks.queue.',
      ),
    ]
  const names = {
    merge_queue: "GitHub's merge queue",
    external: `the lander of ${checks.queue}`,
    auto_merge: "GitHub's auto-merge",
    embedded: 'our own landing queue',
  }
  return [pass(what, `${names[landerOf(project, has)]} lands`)]
}
