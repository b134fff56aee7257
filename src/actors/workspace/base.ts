// Which branch of the user's repository is the base: the configured one, else the one that its HEAD names. Never a name of our own.

import { existsSync, realpathSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { ConfigurationError } from '../../errors.ts'
import { isRemote } from '../forge/base-branch.ts'
import { emptyRepository, missingBase, noSuchBase, toAddressError, toRepositoryError } from '../forge/repository-errors.ts'
import { git } from '../git.ts'

export interface Base {
  branch: string
  head: string
  /**
   * Allowed: the history that is there is enough to work and land on. Where it ends before a common ancestor, git finds
   * none, and `inspect` then counts everything as changed, which verification refuses.
   */
  shallow: boolean
  /**
   * Allowed, and left alone: a worktree of ours starts without its submodules, since where they come from may need what an
   * agent does not have. `hooks.prepare` may run `git submodule update --init`. What is uncommitted inside a submodule is
   * never reset, saved or deleted by us; a commit that the superproject names counts as a change of it like any other.
   */
  submodules: boolean
}

/**
 * Looks at the repository at a path or URL. Throws ConfigurationError `repository-missing`, `not-a-repository`,
 * `repository-not-root`, `repository-ownership`, `repository-empty`, `detached-head` or `base-missing`. `setting` is what the
 * reader of such an error would set to name another branch.
 */
export async function discoverBase(repo: string, configured: string | null, setting = 'baseBranch'): Promise<Base> {
  return isRemote(repo) ? discoverAtUrl(repo, configured, setting) : discoverInFolder(resolve(repo), configured, setting)
}

async function discoverInFolder(folder: string, configured: string | null, setting: string): Promise<Base> {
  if (!isFolder(folder)) {
    throw new ConfigurationError('repository-missing', `${folder} is not a folder. Set repo to the path or URL of your git repository.`)
  }
  const { bare, shallow, gitFolder } = await look(folder)
  assertRoot(folder, gitFolder, bare)
  const [branches, current] = await Promise.all([branchesOf(folder), currentBranch(folder)])
  if (branches.size === 0 && (await headCommit(folder)) === null) throw emptyRepository(folder)
  const branch = configured ?? current
  if (branch === null) {
    throw new ConfigurationError(
      'detached-head',
      `HEAD of ${folder} names no branch. Set ${setting} to one of: ${list(branches)}; or check out a branch there.`,
    )
  }
  const head = branches.get(branch)
  if (head === undefined) {
    if (configured !== null) throw await missingBase(folder, branch, setting)
    throw new ConfigurationError(
      'base-missing',
      `${folder} is on the branch ${branch}, which has no commit yet. Commit there, or set ${setting} to one of: ${list(branches)}.`,
    )
  }
  const { exitCode } = await git(['cat-file', '-e', `${head}:.gitmodules`], { cwd: folder, allow: [0, 1, 128] })
  return { branch, head, shallow, submodules: exitCode === 0 }
}

async function look(folder: string): Promise<{ bare: boolean; shallow: boolean; gitFolder: string }> {
  const args = ['rev-parse', '--is-bare-repository', '--is-shallow-repository', '--absolute-git-dir']
  const { stdout } = await git(args, { cwd: folder }).catch((error: unknown) => {
    throw toRepositoryError(error, folder)
  })
  const [bare, shallow, ...rest] = stdout.trimEnd().split('\n')
  return { bare: bare === 'true', shallow: shallow === 'true', gitFolder: rest.join('\n') }
}

/** Git looks upwards: a plain folder inside another repository must not be taken for that repository. */
function assertRoot(folder: string, gitFolder: string, bare: boolean): void {
  const isRoot = bare ? realpathSync(gitFolder) === realpathSync(folder) : existsSync(resolve(folder, '.git'))
  if (isRoot || realpathSync(gitFolder) === realpathSync(folder)) return
  throw new ConfigurationError(
    'repository-not-root',
    `${folder} is inside the repository ${gitFolder.replace(/\/\.git$/, '')}, not a repository itself. Set repo to the repository.`,
  )
}

async function branchesOf(folder: string): Promise<Map<string, string>> {
  const { stdout } = await git(['for-each-ref', '--format=%(refname:lstrip=2)%00%(objectname)', 'refs/heads'], { cwd: folder })
  const lines = stdout.split('\n').filter((line) => line !== '')
  return new Map(lines.map((line) => line.split('\0') as [string, string]))
}

async function currentBranch(folder: string): Promise<string | null> {
  const { exitCode, stdout } = await git(['symbolic-ref', '--quiet', 'HEAD'], { cwd: folder, allow: [0, 1] })
  return exitCode === 0 ? stdout.trimEnd().replace(/^refs\/heads\//, '') : null
}

async function headCommit(folder: string): Promise<string | null> {
  const { exitCode, stdout } = await git(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}'], { cwd: folder, allow: [0, 1, 128] })
  return exitCode === 0 ? stdout.trimEnd() : null
}

async function discoverAtUrl(url: string, configured: string | null, setting: string): Promise<Base> {
  const { stdout } = await git(['ls-remote', '--symref', '--', url, 'HEAD', 'refs/heads/*'], { cwd: '/' }).catch((error: unknown) => {
    throw toAddressError(error, url)
  })
  const branches = new Map<string, string>()
  let current: string | null = null
  for (const line of stdout.split('\n')) {
    const [value, name] = line.split('\t')
    if (name === 'HEAD' && value!.startsWith('ref: refs/heads/')) current = value!.slice('ref: refs/heads/'.length)
    if (name?.startsWith('refs/heads/')) branches.set(name.slice('refs/heads/'.length), value!)
  }
  if (branches.size === 0) throw emptyRepository(url)
  const branch = configured ?? current
  if (branch === null) {
    throw new ConfigurationError('detached-head', `HEAD of ${url} names no branch. Set ${setting} to one of: ${list(branches)}.`)
  }
  const head = branches.get(branch)
  if (head === undefined) throw noSuchBase(url, branch, [...branches.keys()], setting)
  return { branch, head, shallow: false, submodules: false } // neither can be asked without fetching
}

const list = (branches: Map<string, string>): string => [...branches.keys()].slice(0, 10).join(', ') || '(none)'

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
