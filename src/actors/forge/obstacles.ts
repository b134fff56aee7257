// What keeps a landing from the user's work tree: operations in progress, locks, files that are not committed.

import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import type { BaseMove } from './base-branch.ts'

const operations = [
  ['MERGE_HEAD', 'merge'],
  ['CHERRY_PICK_HEAD', 'cherry-pick'],
  ['REVERT_HEAD', 'revert'],
  ['sequencer', 'cherry-pick or revert'],
  ['rebase-merge', 'rebase'],
  ['rebase-apply', 'rebase'],
  ['BISECT_LOG', 'bisect'],
] as const

/** An operation of the user, or a lock, that a landing must not disturb. */
export function findOperation(common: string, ref: string, worktree: string | null): { reason: string; files: string[] } | null {
  if (worktree !== null) {
    const folder = gitFolderOf(worktree)
    for (const [file, operation] of operations) {
      if (existsSync(join(folder, file))) return { reason: `A ${operation} is in progress in ${worktree}.`, files: [] }
    }
    const locks = [join(folder, 'index.lock'), join(folder, 'HEAD.lock')].filter((path) => existsSync(path))
    if (locks.length > 0) {
      const files = locks.map((path) => relative(worktree, path))
      return { reason: `Another git command is at work in ${worktree}, or one has left ${files.join(', ')} behind.`, files }
    }
  }
  const lock = join(common, `${ref}.lock`)
  if (existsSync(lock)) return { reason: `Another git command holds ${lock}, or has left it behind.`, files: [lock] }
  // A rebase or bisect of the branch has a detached HEAD: nobody "has it checked out", and it is moved or checked out at the end.
  for (const folder of [common, ...linked(common)]) {
    for (const [file, operation] of [
      ['rebase-merge/head-name', 'rebase'],
      ['rebase-apply/head-name', 'rebase'],
      ['BISECT_START', 'bisect'],
    ] as const) {
      const name = readLine(join(folder, file))
      if (name === ref || (operation === 'bisect' && name === ref.slice('refs/heads/'.length))) {
        return { reason: `A ${operation} of ${name} is in progress.`, files: [] }
      }
    }
  }
  return null
}

/**
 * Removes the lock that a killed git of ours left on the branch: it holds the very commit of our landing, which nobody else makes the
 * branch's. Landings take turns, and what an earlier server had started has ended before this one lands.
 */
export function dropOwnLock(common: string, ref: string, to: string): void {
  const lock = join(common, `${ref}.lock`)
  if (readLine(lock) === to) rmSync(lock, { force: true })
}

function linked(common: string): string[] {
  const folder = join(common, 'worktrees')
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []
}

/** The git folder of a work tree: `.git` itself, or where that file points. */
export function gitFolderOf(worktree: string): string {
  const path = join(worktree, '.git')
  if (statSync(path).isDirectory()) return path
  return resolve(
    worktree,
    readFileSync(path, 'utf8')
      .replace(/^gitdir: /, '')
      .trimEnd(),
  )
}

export function currentBranch(gitFolder: string): string | null {
  return /^ref: (.*)$/.exec(readLine(join(gitFolder, 'HEAD')) ?? '')?.[1] ?? null
}

function readLine(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').split('\n', 1)[0]!
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw error
  }
}

/** What a refused `git merge --ff-only` means; it has changed nothing then. */
export function toObstacle(words: string, worktree: string): BaseMove {
  if (/Not possible to fast-forward|Diverging branches can't be fast-forwarded/.test(words)) return { kind: 'base_moved' }
  const files = words
    .split('\n')
    .filter((line) => line.startsWith('\t'))
    .map((line) => line.slice(1))
  if (files.length > 0 && /would be overwritten|would be removed|would lose untracked/.test(words)) {
    return { kind: 'blocked', reason: `Files in ${worktree} that are not committed are in the way: ${files.join(', ')}.`, files }
  }
  return { kind: 'blocked', reason: firstLine(words), files: files.length > 0 ? files : lockFiles(words, worktree) }
}

export const lockFiles = (words: string, folder: string) =>
  [...words.matchAll(/'([^']*\.lock)'/g)].map((match) => relative(folder, match[1]!))

export const firstLine = (words: string) =>
  words
    .trim()
    .split('\n', 1)[0]!
    .replace(/^(error|fatal): /, '')
