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

/**
 * The same for several pairs of base and head, in their order, by one process instead of one for each. A git before 2.39 cannot, and
 * two histories with nothing in common end it: each pair is then merged by itself. Throws FatalError `git-failed`.
 */
export async function mergeTrees(
  repository: Repository,
  pairs: readonly (readonly [base: string, head: string])[],
  env: Record<string, string> = {},
): Promise<Merged[]> {
  const { exitCode, stdout } = await git(['merge-tree', '--stdin', '--no-messages', '--name-only', '-z'], {
    cwd: repository.path,
    env,
    input: pairs.map(([base, head]) => `${base} ${head}\n`).join(''),
    allow: [0, 128, 129],
    timeout: 600_000,
  })
  const merged = exitCode === 0 ? readMerges(stdout) : []
  if (merged.length === pairs.length) return merged
  return Promise.all(pairs.map(([base, head]) => mergeTree(repository, base, head, env)))
}

/** Of each merge: 1 when it is clean, the tree, the files in conflict, and an empty field; every field is ended by a NUL. */
function readMerges(text: string): Merged[] {
  const merged: Merged[] = []
  const fields = text.split('\0')
  for (let at = 0; at + 2 < fields.length;) {
    const end = fields.indexOf('', at)
    if (end < 0) break
    merged.push(fields[at] === '1' ? { tree: fields[at + 1]! } : { files: fields.slice(at + 2, end) })
    at = end + 1
  }
  return merged
}
