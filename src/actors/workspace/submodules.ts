// Whether the submodules of a worktree may go with it. An agent can write all of their repositories, settings included, and git runs
// programs that settings name: so the settings are read before git is asked anything there.

import { existsSync, lstatSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { git } from '../git.ts'
import { gitLinkOf, readLine, realPath } from '../git-link.ts'
import { settingsIn, type Setting } from './clone.ts'

/** What `git submodule` and git-lfs write, and what names no program. */
const known = [
  /^core\.(?:repositoryformatversion|filemode|bare|symlinks|ignorecase|precomposeunicode|logallrefupdates|sparsecheckout|sparsecheckoutcone)$/,
  /^(?:remote\..*\.(?:url|fetch|tagopt)|branch\..*\.(?:remote|merge|rebase)|submodule\..*\.(?:url|active)|submodule\.active)$/,
  /^(?:user|author|committer)\.(?:name|email)$/,
  /^(?:lfs\.(?:repositoryformatversion|.*\.(?:access|locksverify))|extensions\.objectformat)$/,
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
    for (const path of await submodulesIn(folder)) {
      const inner = { folder: join(folder, path), name: join(name, path) }
      if (lstatSync(join(inner.folder, '.git'), { throwIfNoEntry: false }) === undefined) continue
      const strange = await strangeIn(inner.folder)
      if (strange !== null) return `the submodule ${inner.name} has ${strange}, which may be of an agent`
      open.push(inner)
    }
  }
  return null
}

/** The paths of those that the index has, of a repository whose settings are known. */
export async function submodulesIn(folder: string): Promise<string[]> {
  const { stdout } = await git(['ls-files', '--stage', '-z'], { cwd: folder, limit: 2 ** 29, timeout: 120_000 })
  return [...stdout.matchAll(/(?:^|\0)160000 \w+ \d\t([^\0]+)/g)].map(([, path]) => path!)
}

async function strangeIn(folder: string): Promise<string | null> {
  const link = join(folder, '.git')
  const repository = lstatSync(link).isDirectory() ? link : gitLinkOf(folder)
  // With a `commondir` git would read the settings of yet another one.
  if (repository === null || existsSync(join(repository, 'commondir'))) return 'a link to another repository'
  const text = readLine(join(repository, 'config'))
  const settings = text === null ? null : await settingsIn(text)
  if (settings === null) return 'settings that git cannot read'
  // Elsewhere other submodules would be found than those that are looked at.
  const isOwn = ([name, value]: Setting): boolean =>
    name === 'core.worktree' && realPath(isAbsolute(value) ? value : `${repository}/${value}`) === realPath(folder)
  const strange = settings.find((setting) => !known.some((pattern) => pattern.test(setting[0])) && !isOwn(setting))
  return strange === undefined ? null : `the setting ${strange[0]}`
}

export async function areSubmodulesPublished(worktree: string): Promise<boolean> {
  const { exitCode } = await git(
    ['submodule', '--quiet', 'foreach', '--recursive', 'test -z "$(git rev-list --max-count=1 HEAD --branches --not --remotes)"'],
    { cwd: worktree, allow: [0, 1, 128], timeout: 120_000 },
  )
  return exitCode === 0
}
