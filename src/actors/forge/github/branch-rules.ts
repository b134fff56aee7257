// What GitHub says of the rules of a branch: its classic protection, and the rules of all rulesets that hold for it.

import { z } from 'zod'
import { FatalError } from '../../../errors.ts'
import type { GithubRepositories } from './repositories.ts'

const enabled = z.object({ enabled: z.boolean() }).nullish()
const named = z.object({
  users: z.array(z.object({ login: z.string().optional() })).default([]),
  teams: z.array(z.unknown()).default([]),
  apps: z.array(z.object({ slug: z.string().optional() })).default([]),
})
export type Named = z.output<typeof named>

const protectionSchema = z.object({
  required_status_checks: z
    .object({
      contexts: z.array(z.string()).default([]),
      checks: z.array(z.object({ context: z.string(), app_id: z.int().nullish() })).default([]),
    })
    .nullish(),
  required_pull_request_reviews: z.object({ bypass_pull_request_allowances: named.nullish() }).nullish(),
  restrictions: named.nullish(),
  enforce_admins: enabled,
  lock_branch: enabled,
  required_linear_history: enabled,
  required_signatures: enabled,
})
export type Protection = z.output<typeof protectionSchema>

const ruleSchema = z.object({
  type: z.string(),
  ruleset_id: z.int().optional(),
  parameters: z
    .object({
      required_status_checks: z.array(z.object({ context: z.string(), integration_id: z.int().nullish() })).optional(),
      workflows: z.array(z.object({ path: z.string(), repository_id: z.int() })).optional(),
      code_scanning_tools: z
        .array(z.object({ tool: z.string(), alerts_threshold: z.string(), security_alerts_threshold: z.string() }))
        .optional(),
    })
    .nullish(),
})
export type Rule = z.output<typeof ruleSchema>

/** Null where there is none; GitHub says so by 404. Throws FatalError `github-forbidden`. */
export async function readProtection(repositories: GithubRepositories, project: string, branch: string): Promise<Protection | null> {
  const place = await repositories.at(project)
  const what = `the protection of ${branch}`
  return repositories
    .client(project)
    .request('GET /repos/{owner}/{repo}/branches/{branch}/protection', { ...place, branch }, protectionSchema, { what })
    .catch((error: unknown) => {
      if (error instanceof FatalError && error.code === 'github-not-found') return null
      throw error
    })
}

export async function readRules(repositories: GithubRepositories, project: string, branch: string): Promise<Rule[]> {
  const place = await repositories.at(project)
  return repositories
    .client(project)
    .pages('GET /repos/{owner}/{repo}/rules/branches/{branch}', { ...place, branch }, ruleSchema, { what: `the rules of ${branch}` })
    .catch((error: unknown) => {
      // An older Enterprise has none.
      if (error instanceof FatalError && error.code === 'github-not-found') return []
      throw error
    })
}
