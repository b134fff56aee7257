// What `git status` says of a worktree.

import { git } from '../git.ts'

export interface Status {
  /** Null on a branch without a commit. */
  head: string | null
  /** Null when HEAD names a commit. */
  branch: string | null
  /** Paths with uncommitted changes, untracked ones included; a repository inside the worktree ends with a slash. */
  dirty: string[]
  /** Those of `dirty` that git does not know. */
  untracked: string[]
}

export interface StatusOptions {
  /** Whether changes inside of them count, or only their commit. Default `commit`. */
  submodules?: 'commit' | 'everything'
  /** See `gitEnvironment`. */
  env?: Record<string, string>
}

/** Read-only: does not even refresh the index. */
export async function statusOf(path: string, { submodules = 'commit', env }: StatusOptions = {}): Promise<Status> {
  const { stdout } = await git(
    [
      '--no-optional-locks',
      'status',
      '--porcelain=v2',
      '--branch',
      '-z',
      '--untracked-files=all',
      '--no-renames',
      `--ignore-submodules=${submodules === 'commit' ? 'dirty' : 'none'}`,
    ],
    { cwd: path, env, timeout: 120_000 },
  )
  const status: Status = { head: null, branch: null, dirty: [], untracked: [] }
  for (const entry of stdout.split('\0')) {
    if (entry.startsWith('# branch.oid ') && !entry.endsWith('(initial)')) status.head = entry.slice(13)
    else if (entry.startsWith('# branch.head ') && entry !== '# branch.head (detached)') status.branch = entry.slice(14)
    else if (entry.startsWith('1 ')) status.dirty.push(fieldsFrom(entry, 8))
    else if (entry.startsWith('u ')) status.dirty.push(fieldsFrom(entry, 10))
    else if (entry.startsWith('? ')) {
      status.dirty.push(entry.slice(2))
      status.untracked.push(entry.slice(2))
    }
  }
  return status
}

/** The path is the last field and may hold spaces. */
function fieldsFrom(entry: string, index: number): string {
  let at = 0
  for (let i = 0; i < index; i++) at = entry.indexOf(' ', at) + 1
  return entry.slice(at)
}
