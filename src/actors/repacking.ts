// Packs the loose objects of our own repositories. Git's automatic packing is off there: it would run beside agents and landings, at
// a time that it chooses, and delete what nothing refers to. Without any packing every git command gets slower with each issue.

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { git } from './git.ts'

/** Loose objects beyond which a repository is packed; git's own `gc.auto` is 6,700. */
const manyLoose = 2_000
/** The first byte of an object's name is its folder: a few folders of 256 tell how many there are, as one does for `git gc --auto`. */
const samples = ['17', '5c', 'a3', 'e8']
const repackTimeout = 600_000

async function isDue(repository: string, many: number): Promise<boolean> {
  const found = await Promise.all(samples.map((name) => readdir(join(repository, 'objects', name)).catch(() => [])))
  return found.flat().length * (256 / samples.length) > many
}

/**
 * Packs the bare repository when about `many` of its objects are loose; answers whether it did. No object is lost, also none that
 * nothing refers to; others may use the repository meanwhile. `signal` ends it, which leaves everything as it was. Throws as `git`.
 */
export async function repackWhenDue(repository: string, options: { many?: number; signal?: AbortSignal } = {}): Promise<boolean> {
  if (!(await isDue(repository, options.many ?? manyLoose))) return false
  // By size: a large pack is not written again for a few small ones. All loose objects are taken in, reachable or not.
  await git(['repack', '--geometric=2', '-d', '-l', '--quiet'], { cwd: repository, timeout: repackTimeout, signal: options.signal })
  return true
}
