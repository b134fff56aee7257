// What a sandboxed agent has to be able to write beside its worktree, so that `git commit` works there, and nothing else of the clone.

import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** The worktree's own part of its clone, and the clone: real paths. Null where the folder is no worktree of a clone, or cannot be read. */
export function gitFoldersOf(worktree: string): { own: string; clone: string } | null {
  try {
    const link = readFileSync(join(worktree, '.git'), 'utf8')
    const own = realpathSync(resolve(worktree, /^gitdir: (.+)$/m.exec(link)![1]!))
    const isPart = existsSync(join(own, 'commondir'))
    return { own, clone: isPart ? realpathSync(resolve(own, readFileSync(join(own, 'commondir'), 'utf8').trim())) : own }
  } catch {
    return null // a clone, whose .git is a folder, or nothing that can be read
  }
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
