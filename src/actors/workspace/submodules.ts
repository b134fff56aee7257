// Whether the submodules of a worktree may go with it. An agent can write all of their repositories, settings included, and git runs
// programs that settings name: so the settings are read before git is asked anything there.

import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { git } from '../git.ts'
import { settingsIn } from './clone.ts'

/** What `git submodule` and git-lfs write, and what names no program. */
const known = [
  /^core\.(?:repositoryformatversion|filemode|bare|worktree|symlinks|ignorecase|precomposeunicode|logallrefupdates)$/,
  /^(?:remote\..*\.(?:url|fetch|tagopt)|branch\..*\.(?:remote|merge|rebase)|submodule\..*\.(?:url|active)|submodule\.active)$/,
  /^(?:user|author|committer)\.(?:name|email)$/,
  /^lfs\.(?:repositoryformatversion|.*\.access)$/,
]

/** More submodules than this are not looked at. */
const most = 1_000

/**
 * Why git is not to be asked about what is in the submodules of this worktree, or null. Those that are not initialised count for nothing.
 * Throws as `git`.
 */
export async function strangeSubmodule(worktree: string): Promise<string | null> {
  const open: { folder: string; name: string }[] = [{ folder: worktree, name: '' }]
  for (let looked = 0; open.length > 0; looked++) {
    if (looked > most) return `it has more than ${most} submodules`
    const { folder, name } = open.pop()!
    // Reads the index alone, which names no program.
    const { stdout } = await git(['ls-files', '--stage', '-z'], { cwd: folder })
    for (const [, path] of stdout.matchAll(/(?:^|\0)160000 \w+ \d\t([^\0]+)/g)) {
      const inner = { folder: join(folder, path!), name: join(name, path!) }
      const repository = repositoryOf(inner.folder)
      if (repository === null) continue
      const strange = existsSync(join(repository, 'commondir')) ? 'another repository' : await strangeSetting(repository)
      if (strange !== null) return `the submodule ${inner.name} has ${strange}, which may be of an agent`
      open.push(inner)
    }
  }
  return null
}

/** As git finds it; null for a submodule that is not initialised. */
function repositoryOf(folder: string): string | null {
  const link = join(folder, '.git')
  const stats = statSync(link, { throwIfNoEntry: false })
  if (stats === undefined) return null
  if (stats.isDirectory()) return link
  const named = /^gitdir: (.+)$/m.exec(readFileSync(link, 'utf8'))?.[1]
  return named === undefined ? null : resolve(folder, named)
}

async function strangeSetting(repository: string): Promise<string | null> {
  const file = join(repository, 'config')
  const settings = existsSync(file) ? await settingsIn(readFileSync(file, 'utf8')) : []
  if (settings === null) return 'settings that git cannot read'
  const strange = settings.find(([name]) => !known.some((pattern) => pattern.test(name)))
  return strange === undefined ? null : `the setting ${strange[0]}`
}

export async function areSubmodulesPublished(worktree: string): Promise<boolean> {
  const { exitCode } = await git(
    ['submodule', '--quiet', 'foreach', '--recursive', 'test -z "$(git rev-list --max-count=1 HEAD --branches --not --remotes)"'],
    { cwd: worktree, allow: [0, 1, 128], timeout: 120_000 },
  )
  return exitCode === 0
}
