// Snapshots of unpublished work under refs/signalbox/saved/KEY/N, made without touching the worktree, its index or its branches.

import { randomBytes } from 'node:crypto'
import { copyFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { git, missingGitIdentity } from '../git.ts'
import type { Place } from './place.ts'
import { strangeSubmodule, submodulesIn } from './submodules.ts'

export interface Snapshot {
  /** Where the files are. */
  cwd: string
  /** With GIT_DIR and GIT_WORK_TREE when the folder's own .git does not serve. */
  env: Record<string, string>
  /** The index to start from, so that unchanged files are not read again. */
  index: string | null
  /** What the snapshot is a change of; more than one while a merge is in progress. */
  parents: readonly string[]
  /** Repositories inside the worktree, whose files git does not take. */
  exclude: readonly string[]
  message: string
}

/** Everything that is not ignored, committed or not, as a commit under a new number. The same work again answers the same commit. */
export async function saveSnapshot(place: Place, snapshot: Snapshot): Promise<string> {
  const { cwd, parents, exclude, message } = snapshot
  const index = join(place.clone, `signalbox-index-${randomBytes(6).toString('hex')}`)
  const env = { ...snapshot.env, GIT_INDEX_FILE: index }
  try {
    if (snapshot.index !== null) await copyFile(snapshot.index, index).catch(() => {}) // without it git reads every file
    // Git would ask those of the index whether they have changed, by their own settings.
    const others = snapshot.index === null || (await strangeSubmodule(cwd)) === null ? [] : await submodulesIn(cwd)
    const excluded = [...exclude, ...others].map((path) => `:(top,exclude,literal)${path.replace(/\/$/, '')}`)
    await git(
      [
        '-c',
        'advice.addEmbeddedRepo=false',
        '-c',
        'core.safecrlf=false',
        'add',
        '--all',
        ...(excluded.length > 0 ? ['--', ...excluded] : []),
      ],
      { cwd, env, timeout: 300_000 },
    )
    const tree = (await git(['write-tree'], { cwd, env })).stdout.trim()
    const saved = await savedOf(place)
    const known = saved.find((each) => each.tree === tree && each.parents === parents.join(' '))
    if (known) return known.commit
    const identity = await missingGitIdentity(place.clone)
    const commit = (
      await git(['commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent])], {
        cwd,
        env: { ...env, ...identity },
        input: message,
      })
    ).stdout.trim()
    await record(place, saved, commit)
    return commit
  } finally {
    await Promise.all([rm(index, { force: true }), rm(`${index}.lock`, { force: true })])
  }
}

/** Keeps a commit that nothing published leads to; answers null when something does. */
export async function saveCommit(place: Place, commit: string): Promise<string | null> {
  const { stdout } = await git(['rev-list', '--max-count=1', commit, '--not', '--remotes=origin'], { cwd: place.clone })
  if (stdout.trim() === '') return null
  const saved = await savedOf(place)
  if (!saved.some((each) => each.commit === commit)) await record(place, saved, commit)
  return commit
}

interface Saved {
  n: number
  commit: string
  tree: string
  parents: string
}

const folderOf = ({ key }: Place): string => `refs/signalbox/saved/${key}`

async function savedOf(place: Place): Promise<Saved[]> {
  const { stdout } = await git(
    ['for-each-ref', '--format=%(refname:lstrip=4)%00%(objectname)%00%(tree)%00%(parent)', `${folderOf(place)}/`],
    { cwd: place.clone },
  )
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\0') as [string, string, string, string])
    .map(([n, commit, tree, parents]) => ({ n: Number(n), commit, tree, parents }))
}

async function record(place: Place, saved: readonly Saved[], commit: string): Promise<void> {
  const n = 1 + Math.max(0, ...saved.map((each) => each.n).filter(Number.isInteger))
  // The empty old value: the ref must not exist, a snapshot never replaces another.
  await git(['update-ref', '--no-deref', `${folderOf(place)}/${n}`, commit, ''], { cwd: place.clone })
}
