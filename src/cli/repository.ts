// What init and doctor find out about the git repository of a project.

import { statSync } from 'node:fs'
import { git } from '../actors/git.ts'
import { reasonOf } from '../config-values.ts'
import { FatalError } from '../errors.ts'

export interface Repository {
  /** The work tree's top, or the repository itself when it is bare. */
  root: string
  bare: boolean
  shallow: boolean
  submodules: boolean
  /** Local branches. */
  branches: string[]
  /** The branch that HEAD names; null when it is detached. */
  head: string | null
  /** The branch that the remote calls its own, when it is known. */
  remoteHead: string | null
}

/** Throws FatalError `no-such-folder`, `not-a-repository` or `empty-repository`, each with what to do. */
export async function readRepository(folder: string): Promise<Repository> {
  try {
    if (!statSync(folder).isDirectory()) throw new FatalError('no-such-folder', `${folder} is not a folder.`)
  } catch (error) {
    if (error instanceof FatalError) throw error
    throw new FatalError('no-such-folder', `${reasonOf(error, folder)}.`, { cause: error })
  }
  const facts = await git(['rev-parse', '--is-bare-repository', '--is-shallow-repository', '--absolute-git-dir'], {
    cwd: folder,
    allow: [0, 128],
  })
  if (facts.exitCode !== 0) throw notARepository(folder, facts.stderr)
  const [isBare, isShallow, gitFolder] = facts.stdout.trimEnd().split('\n')
  const bare = isBare === 'true'
  const root = bare ? gitFolder! : (await git(['rev-parse', '--show-toplevel'], { cwd: folder })).stdout.trimEnd()
  const lines = async (args: string[]): Promise<string[]> => {
    const { exitCode, stdout } = await git(args, { cwd: root, allow: [0, 1, 128] })
    return exitCode === 0 ? stdout.trimEnd().split('\n').filter(Boolean) : []
  }
  const branches = await lines(['for-each-ref', '--format=%(refname:lstrip=2)', 'refs/heads'])
  const commits = await lines(['rev-parse', '--quiet', '--verify', 'HEAD^{commit}'])
  if (branches.length === 0 && commits.length === 0) {
    throw new FatalError('empty-repository', `The repository ${root} is empty: it has no commit. Make a first commit, then try again.`)
  }
  const [head = null] = await lines(['symbolic-ref', '--quiet', '--short', 'HEAD'])
  const [remote] = await lines(['symbolic-ref', '--quiet', '--short', 'refs/remotes/origin/HEAD'])
  const tree = head ?? 'HEAD'
  const submodules = (await git(['cat-file', '-e', `${tree}:.gitmodules`], { cwd: root, allow: [0, 1, 128] })).exitCode === 0
  return { root, bare, shallow: isShallow === 'true', submodules, branches, head, remoteHead: remote?.replace(/^origin\//, '') ?? null }
}

/** The branch that changes should land on: what the remote says, else the usual names, else where HEAD is. */
export function discoverBase({ branches, head, remoteHead }: Repository): string | null {
  if (remoteHead !== null && branches.includes(remoteHead)) return remoteHead
  if (branches.length === 1) return branches[0]!
  for (const name of ['main', 'master', 'trunk']) if (branches.includes(name)) return name
  return head !== null && branches.includes(head) ? head : null
}

function notARepository(folder: string, stderr: string): FatalError {
  if (/dubious ownership/.test(stderr)) {
    return new FatalError(
      'not-a-repository',
      `git refuses ${folder} because it belongs to another user. \`git config --global --add safe.directory ${folder}\` allows it.`,
    )
  }
  return new FatalError(
    'not-a-repository',
    `${folder} is not a git repository. Run this in your repository, or make one: git init && git add -A && git commit.`,
  )
}
