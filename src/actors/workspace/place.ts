// Where an issue's worktree is, and whether what is there is still that worktree: judged from its files, without running git.

import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { FatalError, toErrorData } from '../../errors.ts'
import { partsOf, readLine, realPath, registeredPath } from '../git-link.ts'

export interface Place {
  project: string
  key: string
  /** D/repos/PROJECT.git: what is published. */
  repository: string
  /** D/clones/PROJECT.git: what the worktrees belong to. */
  clone: string
  /** D/worktrees/PROJECT, which also takes in what was set aside. */
  root: string
  /** D/worktrees/PROJECT/KEY. */
  path: string
}

export type Standing =
  | { kind: 'missing' }
  /** `isFolder`: a real folder is there, whose files can be saved. */
  | { kind: 'broken'; reason: string; isFolder: boolean }
  /** `gitFolder`: the worktree's own part of the clone (its HEAD, index and operations). */
  | { kind: 'worktree'; gitFolder: string }

const safeName = /^[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.|lock$|$))*$/

/** Throws FatalError `worktree-name` for a name that would lead elsewhere, `worktree-outside` when links do. */
export function placeOf(dataFolder: string, project: string, key: string): Place {
  for (const name of [project, key]) {
    if (!safeName.test(name)) throw new FatalError('worktree-name', `'${name}' cannot be the name of a folder and a git ref.`)
  }
  const folder = realPath(dataFolder) ?? resolve(dataFolder) // git answers with real paths
  const worktrees = join(folder, 'worktrees')
  const root = join(worktrees, project)
  for (const parent of [worktrees, root]) {
    const stats = lstatSync(parent, { throwIfNoEntry: false })
    if (stats && !stats.isDirectory()) {
      throw new FatalError('worktree-outside', `${parent} is a link or a file, where the folder of the worktrees must be. Remove it.`)
    }
  }
  return {
    project,
    key,
    repository: join(folder, 'repos', `${project}.git`),
    clone: join(folder, 'clones', `${project}.git`),
    root,
    path: join(root, key),
  }
}

/** What is at the place. Links are never followed out of it. */
export function lookAt({ path, clone }: Place): Standing {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (!stats) return { kind: 'missing' }
  if (!stats.isDirectory()) return { kind: 'broken', reason: `${path} is not a folder any more`, isFolder: false }
  const broken = (reason: string): Standing => ({ kind: 'broken', reason, isFolder: true })
  const link = lstatSync(join(path, '.git'), { throwIfNoEntry: false })
  if (!link) return broken(`${path}/.git was deleted`)
  if (!link.isFile()) return broken(`${path}/.git was replaced`)
  const parts = partsOf(path)
  if ('broken' in parts) return broken(`${path}${parts.broken}`)
  if (parts.clone !== clone) return broken(`${path}/.git does not lead to our clone`)
  const gitFolder = parts.own
  if (!existsSync(join(gitFolder, 'HEAD'))) return broken(`the HEAD of ${path} was deleted`)
  return { kind: 'worktree', gitFolder }
}

/**
 * For git in a worktree while its agent is at work: the settings of the repository that `commondir` names are taken, which could name
 * programs to run. So git is told what we know, and reads no such file.
 */
export const gitEnvironment = ({ path, clone }: Pick<Place, 'path' | 'clone'>, gitFolder: string): Record<string, string> => ({
  GIT_DIR: gitFolder,
  GIT_COMMON_DIR: clone,
  GIT_WORK_TREE: path,
})

/** The git folders of our clone that are registered for this place, of a worktree that is there or of one that was deleted. */
export function registrationsOf({ path, clone }: Place): string[] {
  const folder = join(clone, 'worktrees')
  const names = existsSync(folder) ? readdirSync(folder) : []
  return names.map((name) => join(folder, name)).filter((gitFolder) => registeredPath(gitFolder) === join(path, '.git'))
}

const operations: [file: string, name: string][] = [
  ['rebase-merge', 'rebase'],
  ['rebase-apply/applying', 'am'],
  ['rebase-apply', 'rebase'],
  ['MERGE_HEAD', 'merge'],
  ['CHERRY_PICK_HEAD', 'cherry-pick'],
  ['REVERT_HEAD', 'revert'],
  ['sequencer', 'cherry-pick'],
  ['BISECT_LOG', 'bisect'],
]

/** `merge`, `rebase`, `am`, `cherry-pick`, `revert`, `bisect`, or null when none is in progress. */
export function operationIn(gitFolder: string): string | null {
  return operations.find(([file]) => existsSync(join(gitFolder, file)))?.[1] ?? null
}

/** Forgets an operation that git itself cannot end any more. */
export function forgetOperation(gitFolder: string): void {
  for (const [file] of operations) rmSync(join(gitFolder, file), { recursive: true, force: true })
}

/** The branch that a rebase in progress will put back on HEAD. */
export function rebasedBranch(gitFolder: string): string | null {
  const name = readLine(join(gitFolder, 'rebase-merge/head-name')) ?? readLine(join(gitFolder, 'rebase-apply/head-name'))
  return name?.trim().replace(/^refs\/heads\//, '') ?? null
}

/** The ref of the branch that a worktree's HEAD names; null when it names a commit. */
export function branchIn(gitFolder: string): string | null {
  return /^ref: (refs\/heads\/\S+)$/.exec(readLine(join(gitFolder, 'HEAD'))?.trim() ?? '')?.[1] ?? null
}

/** The commit of a HEAD that names no branch. */
export function detachedHead(gitFolder: string): string | null {
  return /^[0-9a-f]{40,64}$/.exec(readLine(join(gitFolder, 'HEAD'))?.trim() ?? '')?.[0] ?? null
}

/** Says that the branch has been made here, whatever becomes of its worktree. No agent can write there. */
export const claimOf = ({ root, key }: Pick<Place, 'root' | 'key'>): string => join(root, `.branch-${key}`)

/** The keys of the issues whose branches have been made here. */
export function claimedKeys({ root }: Pick<Place, 'root'>): string[] {
  const names = existsSync(root) ? readdirSync(root) : []
  return names.flatMap((name) => /^\.branch-(.+)$/.exec(name)?.[1] ?? [])
}

/** Moves what is at the place to `.damaged-KEY-N` beside it; answers the new path. Nothing is deleted. */
export function setAside(place: Place): string {
  const aside = freeName(place, 'damaged')
  move(place.path, aside)
  // Its .git file would lead to the git folder of the worktree that is made next.
  const link = join(aside, '.git')
  if (lstatSync(aside).isDirectory() && lstatSync(link, { throwIfNoEntry: false })?.isFile()) renameSync(link, join(aside, '.git.damaged'))
  return aside
}

/** Moves files that git does not remove (repositories inside the worktree) to `.left-KEY-N` beside it. */
export function setAsidePaths(place: Place, paths: readonly string[]): void {
  const aside = freeName(place, 'left')
  for (const path of paths) {
    const target = join(aside, path)
    mkdirSync(dirname(target), { recursive: true })
    move(join(place.path, path), target)
  }
}

/** Takes a stale registration out of the clone. Repositories of submodules, which live in it, are set aside. */
export function dropRegistration(place: Place, gitFolder: string): void {
  if (existsSync(join(gitFolder, 'modules'))) move(gitFolder, freeName(place, 'damaged'))
  else rmSync(gitFolder, { recursive: true, force: true })
}

function freeName({ root, key }: Place, what: 'damaged' | 'left'): string {
  for (let n = 1; ; n++) {
    const path = join(root, `.${what}-${key}-${n}`)
    if (!lstatSync(path, { throwIfNoEntry: false })) return path
  }
}

function move(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (cause) {
    throw new FatalError('worktree-stuck', `${from} cannot be moved to ${to}: ${toErrorData(cause).message}.`, { cause })
  }
}
