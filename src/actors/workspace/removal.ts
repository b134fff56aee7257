// When a worktree may go (P10): clean, and with nothing that is not published or landed. Otherwise it stays and says why.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { toErrorData } from '../../errors.ts'
import { git } from '../git.ts'
import type { Workspace } from '../ports.ts'
import { readRefs } from '../read-refs.ts'
import { objectsOf } from './inspection.ts'
import { branchIn, detachedHead, lookAt, operationIn, type Place } from './place.ts'
import { statusOf } from './status.ts'
import { areSubmodulesPublished, strangeSubmodule } from './submodules.ts'

export async function removeWorktree(
  place: Place,
  request: Parameters<Workspace['remove']>[0],
): Promise<{ removed: boolean; reason: string | null }> {
  const standing = lookAt(place)
  if (standing.kind === 'missing') return { removed: true, reason: null }
  if (standing.kind === 'broken') return { removed: false, reason: standing.reason }
  try {
    const reason = (await unpublishedWork(place, request, standing)) ?? (await takeAway(place, standing))
    if (reason !== null) return { removed: false, reason }
  } catch (error) {
    return { removed: false, reason: toErrorData(error).message }
  }
  await git(['update-ref', '-d', `refs/heads/${request.branch}`], { cwd: place.clone, allow: [0, 1, 128] })
  return { removed: true, reason: null }
}

/** Why the worktree must stay (P10), or null. */
async function unpublishedWork(
  place: Place,
  { branch, landed }: Parameters<Workspace['remove']>[0],
  { gitFolder }: { gitFolder: string },
): Promise<string | null> {
  const operation = operationIn(gitFolder)
  if (operation !== null) return `a ${operation} is in progress`
  const checkedOut = branchIn(gitFolder)
  const heads = await readRefs(place.clone, [...new Set([`refs/heads/${branch}`, ...(checkedOut === null ? [] : [checkedOut])])])
  const head = detachedHead(gitFolder) ?? heads.get(checkedOut ?? '') ?? (await statusOf(place.path)).head
  const commits = new Set([...heads.values(), ...(head === null ? [] : [head])])
  for (const commit of commits) {
    if (!(await isPublished(place, commit, landed))) return `the commit ${commit} is neither landed nor published`
  }
  return null
}

/** Removes what is clean, in git's own eyes; otherwise answers why not. With submodules git has to be forced, so they are looked at before. */
async function takeAway({ path, clone }: Place, { gitFolder }: { gitFolder: string }): Promise<string | null> {
  const hasSubmodules = existsSync(join(gitFolder, 'modules'))
  const dirty = async (): Promise<string | null> => {
    const strange = await strangeSubmodule(path)
    if (strange !== null) return strange
    const status = await statusOf(path, { submodules: 'everything' })
    return status.dirty.length === 0 ? null : `it has uncommitted changes: ${status.dirty.slice(0, 5).join(', ')}`
  }
  if (hasSubmodules) {
    const reason = (await dirty()) ?? ((await areSubmodulesPublished(path)) ? null : 'a submodule has commits that were not published')
    if (reason !== null) return reason
  }
  // Whatever anybody has set: what git does not know is a change.
  const options = ['-c', 'status.showUntrackedFiles=normal', 'worktree', 'remove', ...(hasSubmodules ? ['--force'] : [])]
  try {
    await git([...options, '--', path], { cwd: clone, timeout: 300_000 })
    return null
  } catch (error) {
    return (await dirty()) ?? toErrorData(error).message
  }
}

/** Asked of the repository itself: an agent can write the remote-tracking refs of our clone. */
async function isPublished({ clone, repository }: Place, commit: string, landed: string | null): Promise<boolean> {
  if (commit === landed) return true
  const { exitCode, stdout } = await git(['for-each-ref', '--count=1', '--format=%(refname)', `--contains=${commit}`], {
    cwd: repository,
    allow: [0, 128, 129], // a commit that the repository does not have
  })
  if (exitCode === 0 && stdout.trim() !== '') return true
  if (landed === null) return false
  const answer = await git(['merge-base', '--is-ancestor', commit, landed], {
    cwd: clone,
    env: { GIT_ALTERNATE_OBJECT_DIRECTORIES: objectsOf(repository) },
    allow: [0, 1, 128],
  })
  return answer.exitCode === 0
}
