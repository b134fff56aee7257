// What a branch and its worktree hold already, in the words of git: for an agent that takes the work over from another conversation.

import { FatalError } from '../../errors.ts'
import { git } from '../git.ts'
import { partsOf } from '../git-link.ts'
import { statusOf } from './status.ts'

export interface WorkSoFar {
  /** Short id and subject of each commit that is not on the base, newest first. */
  commits: string[]
  /** Paths that differ from where the branch left its base. */
  files: string[]
  /** Those of them that are not committed. */
  uncommitted: string[]
}

/** Commits that are read; nobody is told of more. */
const mostCommits = 50

/** `base` as git names it. Read-only. Throws FatalError `worktree-broken`, and as `git`. */
export async function workSoFar(worktree: string, base: string): Promise<WorkSoFar> {
  const parts = partsOf(worktree)
  if ('broken' in parts) throw new FatalError('worktree-broken', `${worktree}${parts.broken}.`)
  const at = { cwd: worktree, timeout: 60_000 }
  const [log, changed, status] = await Promise.all([
    git(['log', '--no-merges', `--max-count=${mostCommits}`, '--format=%h %s', `${base}..HEAD`], at),
    git(['--no-optional-locks', 'diff', '--name-only', '--no-renames', '-z', '--ignore-submodules=dirty', '--merge-base', base], at),
    statusOf(worktree),
  ])
  const files = new Set([...changed.stdout.split('\0').filter(Boolean), ...status.dirty])
  return { commits: log.stdout.split('\n').filter(Boolean), files: [...files], uncommitted: status.dirty }
}
