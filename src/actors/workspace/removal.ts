// When a worktree may go (P10): clean, and with nothing that is not published or landed. Otherwise it stays and says why.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { toErrorData } from '../../errors.ts'
import { git } from '../git.ts'
import type { Workspace } from '../ports.ts'
import { readRefs } from './clone.ts'
import { objectsOf } from './inspection.ts'
import { lookAt, operationIn, type Place } from './place.ts'
import { statusOf } from './status.ts'

export async function removeWorktree(
  place: Place,
  request: Parameters<Workspace['remove']>[0],
): Promise<{ removed: boolean; reason: string | null }> {
  const standing = lookAt(place)
  if (standing.kind === 'missing') return { removed: true, reason: null }
  if (standing.kind === 'broken') return { removed: false, reason: standing.reason }
  try {
    const reason = await unpublishedWork(place, request, standing)
    if (reason !== null) return { removed: false, reason }
    // Git looks once more by itself; with submodules it only does so when forced, and they have been looked at.
    const force = existsSync(join(standing.gitFolder, 'modules')) ? ['--force'] : []
    await git(['worktree', 'remove', ...force, '--', place.path], { cwd: place.clone, timeout: 300_000 })
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
  const status = await statusOf(place.path, 'everything')
  if (status.dirty.length > 0) return `it has uncommitted changes: ${status.dirty.slice(0, 5).join(', ')}`
  const operation = operationIn(gitFolder)
  if (operation !== null) return `a ${operation} is in progress`
  const local = (await readRefs(place.clone, [`refs/heads/${branch}`])).get(`refs/heads/${branch}`)
  const commits = new Set([status.head, local ?? null].filter((commit) => commit !== null))
  for (const commit of commits) {
    if (!(await isPublished(place, commit, landed))) return `the commit ${commit} is neither landed nor published`
  }
  if (existsSync(join(gitFolder, 'modules')) && !(await areSubmodulesPublished(place.path))) {
    return 'a submodule has commits that were not published'
  }
  return null
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

async function areSubmodulesPublished(path: string): Promise<boolean> {
  const { exitCode } = await git(
    ['submodule', '--quiet', 'foreach', '--recursive', 'test -z "$(git rev-list --max-count=1 HEAD --branches --not --remotes)"'],
    { cwd: path, allow: [0, 1, 128], timeout: 120_000 },
  )
  return exitCode === 0
}
