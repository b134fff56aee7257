// Merges that nobody sees: whether and how one commit merges into another, in our bare repository.

import { FatalError } from '../../errors.ts'
import { git } from '../git.ts'
import type { Repository } from './repository.ts'

/** The tree of the merge, or the files in which the two contradict each other. */
export type Merged = { tree: string } | { files: string[] }

/** Whether and how `head` merges into `base`. `env`: where else git finds commits. Throws FatalError `git-failed`. */
export async function mergeTree({ path }: Repository, base: string, head: string, env: Record<string, string> = {}): Promise<Merged> {
  const { exitCode, stdout, stderr } = await git(['merge-tree', '--write-tree', '--no-messages', '--name-only', '-z', base, head], {
    cwd: path,
    env,
    allow: [0, 1, 128],
    timeout: 600_000,
  })
  const [tree, ...files] = stdout.split('\0')
  if (exitCode === 0) return { tree: tree!.trim() }
  // A base that was replaced by another history has nothing in common with the head: a conflict with everything.
  if (exitCode === 1 || /unrelated histories/.test(stderr)) return { files: files.filter((file) => file !== '') }
  throw new FatalError('git-failed', `${head} could not be merged into ${base}: ${stderr.trim()}`)
}
