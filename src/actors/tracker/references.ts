// What the names in a request mean: ids, keys, PROJECT/KEY, blockers, parents and projects.

import { ConfigurationError, FatalError, suggest } from '../../errors.ts'
import type { IssueRow, IssueRows } from './issue-rows.ts'

/** The issue that the names are given for. */
interface Self {
  id: string
  key: string
}

export function createReferences(rows: IssueRows, configured: readonly { id: string }[]) {
  const projects = configured.map((project) => project.id)

  /** The issue that `name` names; the project `near` is preferred when a key exists in several. */
  function find(name: string, near?: string): IssueRow | undefined {
    const byId = rows.byId(name)
    if (byId !== undefined) return byId.removed_at === null ? byId : undefined
    const slash = name.lastIndexOf('/')
    const project = slash < 0 ? near : name.slice(0, slash)
    const candidates = rows.byKey(name.slice(slash + 1).toUpperCase())
    const own = candidates.find((row) => row.project === project)
    if (own !== undefined || slash >= 0) return own
    if (candidates.length > 1) {
      throw new FatalError(
        'ambiguous-key',
        `${name} names ${candidates.length} issues. Say which: ${candidates.map((row) => `${row.project}/${row.key}`).join(', ')}.`,
      )
    }
    return candidates[0]
  }

  function need(name: string): IssueRow {
    const row = find(name)
    if (row === undefined) throw new FatalError('unknown-issue', `There is no issue ${name} in the embedded tracker.`)
    return row
  }

  function toBlockers(names: readonly string[], near: string, self: Self): string[] {
    const ids = names.map((name) => {
      const own = name.slice(name.lastIndexOf('/') + 1).toUpperCase() === self.key && (!name.includes('/') || name.startsWith(`${near}/`))
      const blocker = own ? undefined : find(name, near)
      if (own || blocker?.id === self.id) {
        throw new ConfigurationError('self-blocker', `blockedBy: ${self.key} cannot be blocked by itself.`)
      }
      if (blocker === undefined) throw new ConfigurationError('unknown-blocker', `blockedBy: there is no issue ${name}.`)
      if (rows.waitsFor(blocker.id, self.id)) {
        throw new ConfigurationError(
          'dependency-cycle',
          `blockedBy: ${self.key} cannot wait for ${blocker.key}, which already waits for ${self.key}.`,
        )
      }
      return blocker.id
    })
    return [...new Set(ids)]
  }

  /** `blockers`: the ids of those that it is to have from now on; without them those that it has. */
  function toParent(name: string, near: string, self: Self, blockers?: readonly string[]): string {
    const above = find(name, near)
    if (above === undefined) throw new ConfigurationError('unknown-parent', `parent: there is no issue ${name}.`)
    if (above.id === self.id || rows.isBelow(above.id, self.id)) {
      throw new ConfigurationError('parent-cycle', `parent: ${self.key} cannot be below ${above.key}, which is ${self.key} or below it.`)
    }
    const isWaiting =
      blockers === undefined ? rows.waitsFor(self.id, above.id) : blockers.some((id) => id === above.id || rows.waitsFor(id, above.id))
    if (isWaiting) {
      throw new ConfigurationError(
        'dependency-cycle',
        `parent: ${self.key} cannot be a part of ${above.key}, which would wait for it: ${self.key} waits for ${above.key}.`,
      )
    }
    return above.id
  }

  function toProject(id: string | undefined): string {
    if (id === undefined && projects.length === 1) return projects[0]!
    if (id !== undefined && projects.includes(id)) return id
    const known = projects.length === 0 ? 'No project is configured.' : `Configured are: ${projects.join(', ')}.`
    if (id === undefined) throw new ConfigurationError('project-required', `project is missing. ${known}`)
    const nearest = suggest(id, projects)
    throw new ConfigurationError(
      'unknown-project',
      `project: there is no project ${id}. ${nearest === undefined ? known : `Did you mean ${nearest}?`}`,
    )
  }

  return { need, toBlockers, toParent, toProject }
}
