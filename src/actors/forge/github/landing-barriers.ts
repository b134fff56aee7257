// What in the rules of the base keeps our own landing queue from pushing to it, and what an operator does about it. The queue pushes the
// merge of an approved head by fast-forward: required reviews are met by that, required checks where it has waited for them.

import { z } from 'zod'
import { FatalError } from '../../../errors.ts'
import { readProtection, readRules, type Named, type Protection, type Rule } from './branch-rules.ts'
import type { GithubRepositories, Self } from './repositories.ts'

export interface Barrier {
  /** `warn`: it cannot be known. */
  level: 'warn' | 'fail'
  message: string
  remedy: string
}

interface Landing {
  project: string
  branch: string
  /** The checks that the candidate has at GitHub when it is pushed. */
  awaited: readonly string[]
}

/** Rules that a push by fast-forward meets, or that are looked at by what they name. */
const met = ['creation', 'deletion', 'non_fast_forward', 'pull_request', 'required_status_checks', 'workflows']

/** What a rule asks that our push can never meet. */
const unmeetable: Record<string, string> = {
  update: 'lets only those change it who bypass the ruleset',
  merge_queue: 'takes changes from the merge queue alone',
  required_linear_history: 'takes no merge commits, and what is landed is one',
  required_signatures: 'takes signed commits alone, and ours are not',
}

const rulesetSchema = z.object({ name: z.string(), current_user_can_bypass: z.string().optional() })

const otherLander = 'set landing.lander to merge_queue, auto_merge or external'

export async function findBarriers(repositories: GithubRepositories, landing: Landing): Promise<Barrier[]> {
  return [...(await ofProtection(repositories, landing)), ...(await ofRulesets(repositories, landing))]
}

/** Whether we are among those who are named; null where that may be by a team. */
function isNamed({ users, teams, apps }: Named, { slug, login }: Self, isApp: boolean): boolean | null {
  if (isApp) return apps.some((one) => one.slug === slug)
  return users.some((one) => one.login?.toLowerCase() === login.toLowerCase()) || (teams.length > 0 ? null : false)
}

const unreported = (required: readonly string[], awaited: readonly string[]): string[] => required.filter((name) => !awaited.includes(name))

const toUnreported = (branch: string, names: readonly string[]): string =>
  `${branch} requires ${names.join(', ')}, for which our own landing queue does not wait at GitHub`

async function ofProtection(repositories: GithubRepositories, { project, branch, awaited }: Landing): Promise<Barrier[]> {
  let protection: Protection | null
  try {
    protection = await readProtection(repositories, project, branch)
  } catch (error) {
    if (!(error instanceof FatalError) || error.code !== 'github-forbidden') throw error
    const message = `whether the protection of ${branch} lets our own landing queue push to it cannot be seen`
    return [{ level: 'warn', message, remedy: 'Give the App the permission administration: read, and look again.' }]
  }
  if (protection === null) return []
  const self = await repositories.self()
  const { isApp } = repositories
  const us = isApp ? `the App ${self.slug}` : self.login
  const where = `In the protection of ${branch} at GitHub, `
  const found: Barrier[] = []
  const fail = (message: string, remedy: string): void =>
    void found.push({ level: 'fail', message, remedy: `${where}${remedy}, or ${otherLander}.` })
  if (protection.lock_branch?.enabled) fail(`${branch} is locked`, 'unlock it')
  const { restrictions, required_status_checks: checks } = protection
  const isListed = restrictions == null ? true : isNamed(restrictions, self, isApp)
  if (isListed === false) fail(`only some may push to ${branch}, and ${us} is not among them`, `let ${us} push to matching branches`)
  if (isListed === null)
    found.push({
      level: 'warn',
      message: `only some may push to ${branch}, and whether ${us} is in one of their teams cannot be seen`,
      remedy: `${where}let ${us} push to matching branches.`,
    })
  if (protection.required_linear_history?.enabled) fail(`${branch} ${unmeetable['required_linear_history']!}`, 'allow merge commits')
  if (protection.required_signatures?.enabled) fail(`${branch} ${unmeetable['required_signatures']!}`, 'take unsigned commits')
  const required = checks == null ? [] : checks.checks.length > 0 ? checks.checks.map(({ context }) => context) : checks.contexts
  const missing = unreported(required, awaited)
  if (missing.length > 0) fail(toUnreported(branch, missing), `take ${missing.join(', ')} out of the required checks`)
  // An App is nobody's administrator; a user may be, for whom only enforce_admins makes the rules hold.
  const isSpared = !isApp && protection.enforce_admins?.enabled === false && (await isAdmin(repositories, project))
  return isSpared ? found.filter(({ message }) => message.endsWith('is locked')) : found
}

async function isAdmin(repositories: GithubRepositories, project: string): Promise<boolean> {
  const schema = z.object({ permissions: z.object({ admin: z.boolean().default(false) }).nullish() })
  const place = await repositories.at(project)
  const { permissions } = await repositories.client(project).request('GET /repos/{owner}/{repo}', place, schema, { what: 'the repository' })
  return permissions?.admin === true
}

async function ofRulesets(repositories: GithubRepositories, landing: Landing): Promise<Barrier[]> {
  const rules = await readRules(repositories, landing.project, landing.branch)
  const bySet = Map.groupBy(rules, ({ ruleset_id: id }) => id ?? null)
  return (await Promise.all([...bySet].map(([id, ofSet]) => ofRuleset(repositories, landing, id, ofSet)))).flat()
}

async function ofRuleset(
  repositories: GithubRepositories,
  { project, branch, awaited }: Landing,
  id: number | null,
  rules: readonly Rule[],
): Promise<Barrier[]> {
  const missing = unreported(
    rules.flatMap(({ parameters }) => parameters?.required_status_checks ?? []).map(({ context }) => context),
    awaited,
  )
  const reasons = rules.flatMap(({ type }) => (unmeetable[type] === undefined ? [] : [`${branch} ${unmeetable[type]}`]))
  for (const { path } of rules.flatMap(({ parameters }) => parameters?.workflows ?? []))
    reasons.push(`${branch} requires the workflow ${path}, which GitHub runs for pull requests and in its merge queue alone`)
  if (missing.length > 0) reasons.push(toUnreported(branch, missing))
  const unknown = rules.map(({ type }) => type).filter((type) => !met.includes(type) && unmeetable[type] === undefined)
  if (reasons.length === 0 && unknown.length === 0) return []
  const ruleset = id === null ? null : await readRuleset(repositories, project, id)
  const bypass = ruleset?.current_user_can_bypass
  if (bypass === 'always' || bypass === 'exempt') return []
  const name = ruleset === null ? 'a ruleset' : `the ruleset ${ruleset.name}`
  const us = repositories.isApp ? 'the App' : 'the user of forge.token'
  const remedy = `Add ${us} to the bypass list of ${name}, always and not for pull requests only, or ${otherLander}.`
  // Who may bypass it is not shown to everybody.
  const isUnsure = bypass === undefined
  const suffix = isUnsure ? `, and whether ${us} may bypass ${name} is not shown to us` : ''
  return [
    ...reasons.map((reason): Barrier => ({ level: isUnsure ? 'warn' : 'fail', message: `${reason}${suffix}`, remedy })),
    ...unknown.map((type): Barrier => ({
      level: 'warn',
      message: `${name} has the rule ${type}, which may refuse what our own landing queue pushes`,
      remedy,
    })),
  ]
}

async function readRuleset(repositories: GithubRepositories, project: string, id: number): Promise<z.output<typeof rulesetSchema> | null> {
  const target = { ...(await repositories.at(project)), ruleset_id: id }
  return repositories
    .client(project)
    .request('GET /repos/{owner}/{repo}/rulesets/{ruleset_id}', target, rulesetSchema, { what: 'a ruleset' })
    .catch((error: unknown) => {
      if (error instanceof FatalError && ['github-not-found', 'github-forbidden'].includes(error.code)) return null
      throw error
    })
}
