// Which checks must pass before a change may land: what the configuration says, else branch protection and rulesets.

import type { ProjectConfig } from '../../../config.ts'
import { FatalError } from '../../../errors.ts'
import { readProtection, readRules } from './branch-rules.ts'
import { ownName } from './own-check.ts'
import type { GithubRepositories } from './repositories.ts'
import type { Required } from './standing.ts'

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

  async function ofProtection(project: string, branch: string): Promise<Required[]> {
    const protection = await readProtection(repositories, project, branch).catch((error: unknown) => {
      if (!(error instanceof FatalError) || error.code !== 'github-forbidden') throw error
      onUnreadable(project, error)
      return null
    })
    const required = protection?.required_status_checks
    if (required == null) return []
    if (required.checks.length === 0) return required.contexts.map((name) => ({ name, app: null }))
    // -1 and null: whoever says so.
    return required.checks.map(({ context, app_id: app }) => ({ name: context, app: app == null || app < 0 ? null : app }))
  }

  async function ofRulesets(project: string, branch: string): Promise<Required[]> {
    return (await readRules(repositories, project, branch))
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
