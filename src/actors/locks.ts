// Locks that a git which was killed has left behind: they would stand in the way for ever.

import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** Milliseconds that no git of ours, and no person, holds a lock of a branch or of a worktree. */
export const lockAge = 2_000

/** Removes each of these locks that is there, once it is `age` ms old: whoever holds one goes about it faster, or has ended. */
export async function clearLocks(locks: readonly string[], age = lockAge): Promise<void> {
  const deadline = Date.now() + age
  for (const lock of locks) {
    while (ageOf(lock) !== null && ageOf(lock)! < age && Date.now() < deadline) await pause(50)
    rmSync(lock, { force: true })
  }
}

/** Null when there is no such lock. */
export function ageOf(lock: string): number | null {
  const stats = statSync(lock, { throwIfNoEntry: false })
  return stats ? Date.now() - stats.mtimeMs : null
}

/** The locks of a bare repository: of its own files and of its refs. */
export function locksIn(repository: string): string[] {
  const refs = readdirSync(join(repository, 'refs'), { recursive: true, encoding: 'utf8' }).map((name) => join('refs', name))
  return [...readdirSync(repository), ...refs].filter((name) => name.endsWith('.lock')).map((name) => join(repository, name))
}
