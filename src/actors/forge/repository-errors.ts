// Why a user's repository cannot be used, in words that say what to do.

import { ConfigurationError, FatalError, suggest } from '../../errors.ts'
import { git } from '../git.ts'

export const emptyRepository = (repo: string) =>
  new ConfigurationError('repository-empty', `${repo} has no commits. Make a first one; Signalbox works on branches that start from it.`)

export function noSuchBase(repo: string, name: string, branches: string[]): ConfigurationError {
  const nearest = suggest(name, branches)
  const hint = nearest === undefined ? `Its branches are: ${branches.slice(0, 10).join(', ')}.` : `Did you mean ${nearest}?`
  return new ConfigurationError('base-missing', `${repo} has no branch ${name}. ${hint} Set baseBranch.`)
}

export async function missingBase(folder: string, name: string): Promise<ConfigurationError> {
  const { stdout } = await git(['for-each-ref', '--format=%(refname:lstrip=2)', 'refs/heads'], { cwd: folder })
  const branches = stdout.split('\n').filter((line) => line !== '')
  return branches.length === 0 ? emptyRepository(folder) : noSuchBase(folder, name, branches)
}

export function toRepositoryError(error: unknown, folder: string): unknown {
  if (!(error instanceof FatalError)) return error
  if (error.code === 'git-folder-missing') {
    return new ConfigurationError('repository-missing', `The folder ${folder} does not exist. Set repo to your repository.`, {
      cause: error,
    })
  }
  if (/not a git repository/.test(error.message)) {
    return new ConfigurationError('not-a-repository', `${folder} is not a git repository. Set repo to one, or run git init there.`, {
      cause: error,
    })
  }
  return error
}
