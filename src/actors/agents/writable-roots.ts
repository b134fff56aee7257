// What a sandboxed agent has to be able to write beside its worktree, so that `git commit` works there, and nothing else of the clone.

import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/**
 * The worktree's own git folder, the clone's objects, and the folder of the branch's ref (git makes its lock beside it) with that of
 * its log. Not the clone's configuration, hooks, HEAD or other refs. Paths are real ones; empty where the folder is no worktree.
 */
export function writableRoots(worktree: string, branch: string): string[] {
  let own: string
  try {
    const link = readFileSync(join(worktree, '.git'), 'utf8')
    own = realpathSync(resolve(worktree, /^gitdir: (.+)$/m.exec(link)![1]!))
  } catch {
    return [] // a clone, whose .git is a folder, or nothing that can be read
  }
  const clone = existsSync(join(own, 'commondir')) ? realpathSync(resolve(own, readFileSync(join(own, 'commondir'), 'utf8').trim())) : own
  const refs = ['refs/heads', 'logs/refs/heads'].map((folder) => dirname(join(clone, folder, branch)))
  for (const folder of refs) mkdirSync(folder, { recursive: true })
  return [own, join(clone, 'objects'), ...refs]
}
