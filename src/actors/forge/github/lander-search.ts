// Whether somebody else lands what goes to a base branch: their check is required there, stands on what they have landed, or was seen before.

import { z } from 'zod'
import type { ProjectConfig } from '../../../config.ts'
import { FatalError } from '../../../errors.ts'
import type { OpenRepository } from '../repository.ts'
import type { Cursors } from './cursors.ts'
import type { Loader } from './loader.ts'
import type { GithubRepositories } from './repositories.ts'
import type { RequiredChecks } from './required.ts'
import { nameOf } from './standing.ts'

const pullSchema = z.object({ merged_at: z.string().nullish(), head: z.object({ sha: z.string() }) })
/** Of the last pull requests that were closed, so many are looked at, once in a process. */
const lookedAt = 5

export type LanderSearch = ReturnType<typeof createLanderSearch>

export function createLanderSearch(options: {
  repositories: GithubRepositories
  projects: readonly Pick<ProjectConfig, 'id' | 'checks'>[]
  loader: Loader
  open: OpenRepository
  required: RequiredChecks
  cursors: Cursors
}) {
  const { repositories, projects, loader, open, required, cursors } = options
  const searches = new Map<string, Promise<boolean>>()
  const checkOf = (project: string): string => projects.find(({ id }) => id === project)!.checks.queue
  const cursorOf = (project: string): string => `lander ${project}`

  /** Its check was seen. */
  function note(project: string): void {
    if (cursors.get(cursorOf(project)) === null) cursors.set(cursorOf(project), checkOf(project))
  }

  async function hasLandedOthers(project: string): Promise<boolean> {
    const { base } = await open(project)
    const query = { ...(await repositories.at(project)), base: base.name, state: 'closed', sort: 'updated', direction: 'desc' }
    const closed = await repositories
      .client(project)
      .pages('GET /repos/{owner}/{repo}/pulls', { ...query, per_page: lookedAt }, pullSchema, {
        what: `the last pull requests of ${project}`,
        most: 1,
      })
    for (const { head } of closed.filter(({ merged_at: mergedAt }) => mergedAt != null))
      if ((await loader.contextsOf(project, head.sha)).some((context) => nameOf(context) === checkOf(project))) return true
    return false
  }

  function search(project: string): Promise<boolean> {
    let found = searches.get(project)
    if (found === undefined) {
      found = hasLandedOthers(project).catch((error: unknown) => {
        // What is not shown to us, for want of a permission, is no reason not to land.
        if (error instanceof FatalError) return false
        throw error
      })
      searches.set(project, found)
      found.catch(() => searches.delete(project))
    }
    return found
  }

  return {
    note,

    async isKnown(project: string): Promise<boolean> {
      if (cursors.get(cursorOf(project)) !== null) return true
      if (await required.hasLander(project, (await open(project)).base.name)) return true
      if (!(await search(project))) return false
      note(project)
      return true
    },
  }
}
