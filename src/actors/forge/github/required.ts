// What must pass before a change may land: what the configuration says, else branch protection and rulesets.

import type { ProjectConfig } from '../../../config.ts'
import { FatalError } from '../../../errors.ts'
import { readProtection, readRules } from './branch-rules.ts'
import type { HeadRules } from './head-standing.ts'
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
  const known = new Map<string, { at: number; rules: Promise<HeadRules> }>()

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

  async function ofRulesets(project: string, branch: string): Promise<HeadRules> {
    const { id } = await repositories.place(project)
    const all = (await readRules(repositories, project, branch)).map(({ type, parameters }) => ({ type, ...parameters }))
    const of = (name: string) => all.filter(({ type }) => type === name)
    return {
      checks: of('required_status_checks')
        .flatMap(({ required_status_checks: checks }) => checks ?? [])
        .map(({ context, integration_id: app }) => ({ name: context, app: app ?? null })),
      workflows: of('workflows')
        .flatMap(({ workflows }) => workflows ?? [])
        .map(({ path, repository_id: repository }) => ({ path, isOwn: repository === id })),
      scanners: of('code_scanning')
        .flatMap(({ code_scanning_tools: tools }) => tools ?? [])
        .map(({ tool, ...thresholds }) => ({ tool, isLenient: Object.values(thresholds).every((threshold) => threshold === 'none') })),
    }
  }

  /** Several rulesets may ask for the same. */
  const distinct = <T>(all: readonly T[]): T[] => [...new Map(all.map((one) => [JSON.stringify(one), one])).values()]

  async function ask(project: string, branch: string): Promise<HeadRules> {
    const [classic, { checks, workflows, scanners }] = await Promise.all([ofProtection(project, branch), ofRulesets(project, branch)])
    const both = distinct([...classic, ...checks!])
    return { checks: both.length === 0 ? null : both, workflows: distinct(workflows), scanners: distinct(scanners) }
  }

  async function all(project: string, branch: string): Promise<HeadRules> {
    const key = `${project} ${branch}`
    const found = known.get(key)
    if (found !== undefined && now() - found.at < kept) return found.rules
    const rules = ask(project, branch)
    known.set(key, { at: now(), rules })
    rules.catch(() => known.delete(key))
    return rules
  }

  /** What the lander and we ourselves report says nothing about a change: it is not waited for. */
  async function onHead(project: string, branch: string): Promise<HeadRules> {
    const { required: configured, queue } = projects.find(({ id }) => id === project)!.checks
    if (configured !== null) return { checks: configured.map((name) => ({ name, app: null })), workflows: [], scanners: [] }
    const { checks, ...others } = await all(project, branch)
    const rules = checks?.filter(({ name }) => name !== queue && name !== ownName) ?? []
    return { ...others, checks: rules.length === 0 ? null : rules }
  }

  return {
    onHead,

    /**
     * What may be waited for on a commit that is no head of a pull request: workflows that a ruleset requires, and code scanning for it, run
     * for pull requests and merge groups alone. Null: nothing is required at all.
     */
    async of(project: string, branch: string): Promise<Required[] | null> {
      const { checks, workflows, scanners } = await onHead(project, branch)
      return checks ?? (workflows.length + scanners.length > 0 ? [] : null)
    },

    /** Whether the base asks for the word of an external lander. */
    async hasLander(project: string, branch: string): Promise<boolean> {
      const { queue } = projects.find(({ id }) => id === project)!.checks
      return (await all(project, branch)).checks?.some(({ name }) => name === queue) ?? false
    },

    /** The rules of a repository have changed. */
    forget(project: string): void {
      for (const key of known.keys()) if (key.startsWith(`${project} `)) known.delete(key)
    },
  }
}

export type RequiredChecks = ReturnType<typeof createRequiredChecks>
