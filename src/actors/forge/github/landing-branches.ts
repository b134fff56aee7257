// The branches on which candidates are tested: each is noted before it is made, so that it goes also when we are killed or GitHub does not answer.

import type { SqliteDatabase } from '../../../persistence/database.ts'
import { SignalboxError } from '../../../errors.ts'
import type { OpenRepository, Repository } from '../repository.ts'
import type { Branches } from './branches.ts'

/** So many are removed by one push, while others are still in use. */
const worthwhile = 8
/** How often a removal is tried at once: most of what keeps it is over in a moment, and a candidate waits for it. */
const tries = 2

export type LandingBranches = ReturnType<typeof createLandingBranches>

export function createLandingBranches({
  database,
  open,
  branches,
}: {
  database: SqliteDatabase
  open: OpenRepository
  branches: Branches
}) {
  const note = database.prepare<[string, string]>('INSERT OR IGNORE INTO github_landing_branch (project, branch) VALUES (?, ?)')
  const noted = database.prepare<[string], string>('SELECT branch FROM github_landing_branch WHERE project = ?').pluck()
  const forget = database.prepare<[string, string]>('DELETE FROM github_landing_branch WHERE project = ? AND branch = ?')
  /** Those that are in use, by project. */
  const used = new Map<string, Set<string>>()
  const sweeping = new Map<string, { names: readonly string[]; over: Promise<void> }>()

  const usedIn = (project: string): Set<string> => used.get(project) ?? new Set()
  const leftIn = (project: string): string[] => noted.all(project).filter((branch) => !usedIn(project).has(branch))

  async function remove(project: string, names: string[]): Promise<void> {
    for (let left = tries; left > 0; left -= 1) {
      try {
        await branches.remove(await open(project), names)
        for (const name of names) forget.run(project, name)
        return
      } catch (error) {
        // They are noted: at last the next candidate, or the next look at GitHub, removes them.
        if (!(error instanceof SignalboxError)) throw error
      }
    }
  }

  /** Removes what nobody uses. */
  async function sweep(project: string): Promise<void> {
    const names = leftIn(project)
    if (names.length === 0 || sweeping.has(project)) return
    const over = remove(project, names).finally(() => sweeping.delete(project))
    sweeping.set(project, { names, over })
    await over
  }

  return {
    sweep,

    /** Runs `work` while the branch is at `commit`. What is left of it is removed afterwards, by us or by those who are still at work. */
    async within<T>(repository: Repository, branch: string, commit: string, work: () => Promise<T>): Promise<T> {
      const { project } = repository
      used.set(project, usedIn(project).add(branch))
      const going = sweeping.get(project)
      if (going?.names.includes(branch)) await going.over
      note.run(project, branch)
      try {
        await branches.place(repository, branch, commit)
        return await work()
      } finally {
        usedIn(project).delete(branch)
        if (usedIn(project).size === 0 || leftIn(project).length >= worthwhile) await sweep(project)
      }
    },
  }
}
