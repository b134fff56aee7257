// A project of the configuration, and the policy of its issues: what it does not name stays as the machines have it.

import type { Config, ProjectConfig } from '../config.ts'
import { FatalError } from '../errors.ts'
import type { DayBudgets } from '../machines/capacity/context.ts'
import { defaultPolicy, type IssuePolicy } from '../machines/issue/policy.ts'

/** Throws FatalError `unknown-project`. */
export function projectOf(config: Config, id: string): ProjectConfig {
  const project = config.projects.find((candidate) => candidate.id === id)
  if (!project)
    throw new FatalError('unknown-project', `There is no project '${id}'. There are: ${config.projects.map((p) => p.id).join(', ')}.`)
  return project
}

/** Of one run; what is for all runs together stays out. */
function limitsOf({ limits: { activeRuns: _runs, checks: _checks, usdPerDay: _usd, signal, ...limits } }: Config): IssuePolicy['limits'] {
  return signal === undefined ? limits : { ...limits, signal }
}

/** What a project may spend in a day is kept where places are granted. */
const withoutDays = ({ usdPerDay: _day, ...budgets }: ProjectConfig['budgets']): Omit<ProjectConfig['budgets'], 'usdPerDay'> => budgets

/** What a day may cost. */
export const dayBudgets = ({ limits, projects }: Config): DayBudgets => ({
  all: limits.usdPerDay,
  projects: Object.fromEntries(projects.flatMap(({ id, budgets: { usdPerDay = null } }) => (usdPerDay === null ? [] : [[id, usdPerDay]]))),
})

export function toPolicy(config: Config, project: ProjectConfig): IssuePolicy {
  const named = <T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never
  const budgets = Object.fromEntries(
    // A budget of null is none: a number that nothing reaches, so that machines compare numbers only.
    Object.entries(named(withoutDays(project.budgets))).map(([name, limit]) => [
      name,
      limit ?? (['tokens', 'usd'].includes(name) ? null : Number.MAX_SAFE_INTEGER),
    ]),
  )
  return {
    ...defaultPolicy,
    budgets: { ...defaultPolicy.budgets, ...budgets },
    delays: { ...defaultPolicy.delays, ...named(project.delays) },
    limits: limitsOf(config),
    review: project.review.by,
    checks: isChecked(config, project),
    landing: project.landing.method,
    sequencing: project.landing.sequencing === 'stack',
    deploy: isDeployed(config, project) ? { timeout: project.deploy.timeout } : null,
    agent: project.agent,
    agents: named(project.agents),
    failover: Object.fromEntries(
      Object.entries(config.agents).flatMap(([name, { failover }]) => (failover === null ? [] : [[name, failover]])),
    ),
    ...(project.protectedPaths === undefined ? {} : { protectedPaths: project.protectedPaths }),
  }
}

/** GitHub says itself what a change has to pass, which may be nothing; only a list that is empty asks for no word of it. */
const isChecked = ({ forge }: Config, { ci, checks }: ProjectConfig): boolean =>
  forge.kind === 'local' ? ci !== null : checks.required === null || checks.required.length > 0

const isDeployed = ({ forge }: Config, { deploy }: ProjectConfig): boolean =>
  (forge.kind === 'local' ? deploy.command : deploy.workflow) !== null

/** `PREFIX/KEY-SLUG`: the branch of an issue, named once when its actor is made. */
export function branchOf(prefix: string, key: string, title: string): string {
  const slug = title
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 60)
    .replaceAll(/^-+|-+$/g, '')
  return `${prefix}/${slug === '' ? key : `${key}-${slug}`}`
}
