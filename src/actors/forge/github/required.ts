// Which checks must pass before a change may land: what the configuration says, else branch protection and rulesets.

import { z } from 'zod'
import type { ProjectConfig } from '../../../config.ts'
import { FatalError } from '../../../errors.ts'
import { ownName } from './own-check.ts'
import type { GithubRepositories } from './repositories.ts'
import type { Required } from './standing.ts'

const protectionSchema = z.object({
  required_status_checks: z
    .object({
      contexts: z.array(z.string()).default([]),
      checks: z.array(z.object({ context: z.string(), app_id: z.int().nullish() })).default([]),
    })
    .nullish(),
})
const ruleSchema = z.object({
  type: z.string(),
  parameters: z
    .object({ required_status_checks: z.array(z.object({ context: z.string(), integration_id: z.int().nullish() })).optional() })
    .nullish(),
})

/** Milliseconds for which protection is believed without a word that it has changed. */
const kept = 5 * 60_000

export function createRequiredChecks(options: {
  repositories: GithubRepositories
  projects: readonly Pick<ProjectConfig, 'id' | 'checks'>[]
  now: () => number
  /** A rule could not be read, for want of a permission. */
  onUnreadable: (project: string, error: FatalError) => void
}) {
  const { repositories, projects, now, onUnreadable } = options
  const known = new Map<string, { at: number; rules: Promise<Required[] | null> }>()

  /** Nothing where there is none; GitHub says so by 404. */
  async function ofProtection(project: string, branch: string): Promise<Required[]> {
    const place = await repositories.at(project)
    const what = `the protection of ${branch}`
    const { required_status_checks: required } = await repositories
      .client(project)
      .request('GET /repos/{owner}/{repo}/branches/{branch}/protection', { ...place, branch }, protectionSchema, { what })
      .catch((error: unknown) => {
        if (!(error instanceof FatalError) || !['github-not-found', 'github-forbidden'].includes(error.code)) throw error
        if (error.code === 'github-forbidden') onUnreadable(project, error)
        return { required_status_checks: null }
      })
    if (required == null) return []
    if (required.checks.length === 0) return required.contexts.map((name) => ({ name, app: null }))
    // -1 and null: whoever says so.
    return required.checks.map(({ context, app_id: app }) => ({ name: context, app: app == null || app < 0 ? null : app }))
  }

  async function ofRulesets(project: string, branch: string): Promise<Required[]> {
    const place = await repositories.at(project)
    const rules = await repositories
      .client(project)
      .pages('GET /repos/{owner}/{repo}/rules/branches/{branch}', { ...place, branch }, ruleSchema, { what: `the rules of ${branch}` })
      .catch((error: unknown) => {
        // An older Enterprise has none.
        if (error instanceof FatalError && error.code === 'github-not-found') return []
        throw error
      })
    return rules
      .filter(({ type }) => type === 'required_status_checks')
      .flatMap(({ parameters }) => parameters?.required_status_checks ?? [])
      .map(({ context, integration_id: app }) => ({ name: context, app: app ?? null }))
  }

  async function ask(project: string, branch: string): Promise<Required[] | null> {
    const both = (await Promise.all([ofProtection(project, branch), ofRulesets(project, branch)])).flat()
    const rules = new Map(both.map((rule) => [JSON.stringify(rule), rule]))
    return rules.size === 0 ? null : [...rules.values()]
  }

  async function all(project: string, branch: string): Promise<Required[] | null> {
    const key = `${project} ${branch}`
    const found = known.get(key)
    if (found !== undefined && now() - found.at < kept) return found.rules
    const rules = ask(project, branch)
    known.set(key, { at: now(), rules })
    rules.catch(() => known.delete(key))
    return rules
  }

  return {
    /** Null: nothing is required. What the lander and we ourselves report says nothing about a change: it is not waited for. */
    async of(project: string, branch: string): Promise<Required[] | null> {
      const { required: configured, queue } = projects.find(({ id }) => id === project)!.checks
      if (configured !== null) return configured.map((name) => ({ name, app: null }))
      const rules = (await all(project, branch))?.filter(({ name }) => name !== queue && name !== ownName) ?? []
      return rules.length === 0 ? null : rules
    },

    /** Whether the base asks for the word of an external lander. */
    async hasLander(project: string, branch: string): Promise<boolean> {
      const { queue } = projects.find(({ id }) => id === project)!.checks
      return (await all(project, branch))?.some(({ name }) => name === queue) ?? false
    },

    /** The rules of a repository have changed. */
    forget(project: string): void {
      for (const key of known.keys()) if (key.startsWith(`${project} `)) known.delete(key)
    },
  }
}

export type RequiredChecks = ReturnType<typeof createRequiredChecks>
