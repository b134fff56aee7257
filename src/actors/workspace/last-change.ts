// When anything in a worktree changed last, read without changing anything: how an agent that says nothing is seen to work.

import { lstatSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { FatalError } from '../../errors.ts'
import { gitEnvironment, lookAt, type Place } from './place.ts'
import { statusOf } from './status.ts'

/** More changed files than this are not looked at one by one. */
const mostFiles = 20_000

/**
 * Epoch ms of the newest change of what git does not ignore; a commit is one, and so is a deletion. Null when nothing tells of any.
 * Throws FatalError `worktree-missing` and `worktree-broken`.
 */
export async function lastChangeIn(place: Place): Promise<number | null> {
  const standing = lookAt(place)
  if (standing.kind === 'missing') throw new FatalError('worktree-missing', `The worktree ${place.path} was deleted.`)
  if (standing.kind === 'broken') throw new FatalError('worktree-broken', `The worktree ${place.path} is broken: ${standing.reason}.`)
  const { dirty } = await statusOf(place.path, { env: gitEnvironment(place, standing.gitFolder) })
  const times = [
    // Every commit, merge and reset is a line of it.
    changedAt(join(standing.gitFolder, 'logs', 'HEAD')),
    ...dirty.slice(0, mostFiles).map((path) => changedAt(join(place.path, path)) ?? goneFrom(place.path, path)),
  ].filter((time) => time !== null)
  return times.length === 0 ? null : times.reduce((newest, time) => Math.max(newest, time))
}

/** Not the time of its content, which whoever writes it may choose. */
function changedAt(path: string): number | null {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  return stats === undefined ? null : stats.ctimeMs
}

/** What was deleted has left its mark on the nearest folder that is still there. */
function goneFrom(root: string, path: string): number | null {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const time = changedAt(join(root, folder))
    if (time !== null || folder === '.') return time
  }
}
