// What a sandboxed agent has to be able to write beside its worktree, so that `git commit` works there, and nothing else of the clone.

import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { partsOf, type WorktreeParts } from '../git-link.ts'

/** Null where the folder is no worktree of a clone. */
export function gitFoldersOf(worktree: string): WorktreeParts | null {
  const parts = partsOf(worktree)
  return 'own' in parts ? parts : null
}

/**
 * The worktree's own git folder, the clone's objects, and the folder of the branch's ref (git makes its lock beside it) with that of
 * its log. Not the clone's configuration, hooks, HEAD or other refs. Paths are real ones; empty where the folder is no worktree.
 */
export function writableRoots(worktree: string, branch: string): string[] {
  const folders = gitFoldersOf(worktree)
  if (folders === null) return []
  const { own, clone } = folders
  const refs = ['refs/heads', 'logs/refs/heads'].map((folder) => dirname(join(clone, folder, branch)))
  for (const folder of refs) mkdirSync(folder, { recursive: true })
  return [own, join(clone, 'objects'), ...refs]
}
