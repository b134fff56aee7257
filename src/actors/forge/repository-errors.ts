// Why a user's repository cannot be used, in words that say what to do.

import { existsSync } from 'node:fs'
import { ConfigurationError, FatalError, suggest } from '../../errors.ts'
import { git } from '../git.ts'

export const emptyRepository = (repo: string) =>
  new ConfigurationError('repository-empty', `${repo} has no commits. Make a first one; Signalbox works on branches that start from it.`)

/** `setting`: what the reader would set to name another branch. */
export function noSuchBase(repo: string, name: string, branches: string[], setting = 'baseBranch'): ConfigurationError {
  const short = name.replace(/^refs\/heads\//, '')
  const nearest = branches.includes(short) ? short : suggest(name, branches)
  const hint = nearest === undefined ? `Its branches are: ${branches.slice(0, 10).join(', ')}.` : `Did you mean ${nearest}?`
  return new ConfigurationError('base-missing', `${repo} has no branch ${name}. ${hint} Set ${setting}.`)
}

export async function missingBase(folder: string, name: string, setting?: string): Promise<ConfigurationError> {
  const { stdout } = await git(['for-each-ref', '--format=%(refname:lstrip=2)', 'refs/heads'], { cwd: folder })
  const branches = stdout.split('\n').filter((line) => line !== '')
  if (branches.length === 0) return emptyRepository(folder)
  const remote = ['rev-parse', '--verify', '--quiet', `refs/remotes/origin/${name}`]
  const { exitCode } = await git(remote, { cwd: folder, allow: [0, 1, 128] })
  if (exitCode !== 0) return noSuchBase(folder, name, branches, setting)
  return new ConfigurationError(
    'base-missing',
    `${folder} has ${name} only at its remote. Make the local branch that changes are to land on: git branch ${name} origin/${name}`,
  )
}

/** Of a repository at an address: what git has said, and where to look. */
export function toAddressError(error: unknown, url: string): unknown {
  if (!(error instanceof FatalError) || error.code !== 'git-failed') return error
  const words = /fatal: ([^\n]+)/.exec(error.message)?.[1] ?? error.message
  const advice = 'Check repo, and that the user who runs this may read it without being asked for a password.'
  return new FatalError('repository-unreadable', `${url} cannot be read: ${words.replace(/\.?$/, '.')} ${advice}`, { cause: error })
}

export function toRepositoryError(error: unknown, folder: string): unknown {
  if (!(error instanceof FatalError)) return error
  if (error.code === 'git-folder-missing') {
    const what = existsSync(folder) ? `${folder} is not a folder` : `The folder ${folder} does not exist`
    return new ConfigurationError('repository-missing', `${what}. Set repo to your repository.`, {
      cause: error,
    })
  }
  if (/dubious ownership/.test(error.message)) {
    return new ConfigurationError(
      'repository-ownership',
      `git refuses ${folder} because another user owns it. Allow it with: git config --global --add safe.directory '${folder}'`,
      { cause: error },
    )
  }
  if (/not a git repository/.test(error.message)) {
    return new ConfigurationError('not-a-repository', `${folder} is not a git repository. Set repo to one, or run git init there.`, {
      cause: error,
    })
  }
  return error
}
