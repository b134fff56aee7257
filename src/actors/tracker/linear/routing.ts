// Which project an issue belongs to, and who may have us begin something.

import type { ProjectConfig } from '../../../config.ts'

/** What of an issue decides where it belongs. */
export interface Routed {
  team: { id: string; key: string }
  project?: { id: string; name: string } | null | undefined
  labels: readonly string[]
}

/** Somebody at Linear, as far as is known. */
export interface Actor {
  id: string
  name?: string | undefined
  email?: string | null | undefined
}

export type Route = { project: string } | { candidates: string[] }

const same = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase()
const some = (wanted: readonly string[], ...names: readonly string[]): boolean =>
  wanted.some((one) => names.some((name) => same(one, name)))

/**
 * The one project whose Linear projects name the issue's, else the one that names its team, else the one that names a label of it.
 * A project that names several kinds wants all of them. Several, or none: nobody's.
 */
export function routeOf(projects: readonly ProjectConfig[], issue: Routed): Route {
  const byProject = ({ tracker }: ProjectConfig): boolean =>
    issue.project != null && some(tracker.projects, issue.project.id, issue.project.name)
  const byTeam = ({ tracker }: ProjectConfig): boolean => some(tracker.teams, issue.team.id, issue.team.key)
  const byLabel = ({ tracker }: ProjectConfig): boolean => some(tracker.labels, ...issue.labels)
  const rules = [
    [byProject, (project: ProjectConfig) => project.tracker.projects.length > 0],
    [byTeam, (project: ProjectConfig) => project.tracker.teams.length > 0],
    [byLabel, (project: ProjectConfig) => project.tracker.labels.length > 0],
  ] as const

  const fits = (project: ProjectConfig): boolean => rules.every(([matches, isNamed]) => !isNamed(project) || matches(project))
  for (const [matches] of rules) {
    const found = projects.filter((project) => matches(project) && fits(project))
    if (found.length === 1) return { project: found[0]!.id }
    if (found.length > 1) return { candidates: found.map(({ id }) => id) }
  }
  const open = projects.filter((project) => rules.every(([, isNamed]) => !isNamed(project)))
  if (open.length === 1) return { project: open[0]!.id }
  return { candidates: open.map(({ id }) => id) }
}

/** Whether the actor may have us begin something; where there are no rules, everybody at Linear may. */
export function isTrusted({ trustedActors: { ids, emails, domains } }: ProjectConfig, actor: Actor | null): boolean {
  if (ids.length + emails.length + domains.length === 0) return true
  if (actor === null) return false
  const email = actor.email ?? ''
  const domain = email.slice(email.lastIndexOf('@') + 1)
  return ids.includes(actor.id) || (email !== '' && (some(emails, email) || some(domains, domain)))
}

export const hasRules = ({ trustedActors: { ids, emails, domains } }: ProjectConfig): boolean =>
  ids.length + emails.length + domains.length > 0
