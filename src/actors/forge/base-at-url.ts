// The user's base branch at a URL: moved by a push with a lease on the exact commit.

import { FatalError, withoutCredentials } from '../../errors.ts'
import type { GitRequest, GitResult } from '../git.ts'
import type { BaseBranch } from './base-branch.ts'
import { firstLine } from './obstacles.ts'
import { createRemotePushes } from './remote-pushes.ts'
import { emptyRepository, noSuchBase, toAddressError } from './repository-errors.ts'

/** GitHub's words where the rules of the branch are in the way. */
const rules = /GH006|GH013|protected branch|rule violations/i
const remedy = ' Its rules have to let Signalbox push to it: `signalbox doctor` says what is in the way, and what to do.'

/** With what the other side has said, such as its hook. */
function refusal(url: string, reason: string, words: string): string {
  const said = words === '' ? '' : ` It says: ${words.replace(/\.?$/, '.')}`
  return withoutCredentials(`${url} refused the landing: ${reason}.${said}${rules.test(`${reason} ${words}`) ? remedy : ''}`)
}

/** Where a repository is, and how git gets there. */
export interface RemoteAccess {
  /** Asked each time: a repository may be given another name. */
  url: () => string
  /** By `performance.now()`: since when it may be let in otherwise than before. */
  changedAt?: () => number
  /** `git` with the credentials that it needs there. */
  git: (args: readonly string[], request: Omit<GitRequest, 'env'>) => Promise<GitResult>
}

export function urlBranch(access: RemoteAccess, name: string): BaseBranch {
  const { url: address, git } = access
  const ref = `refs/heads/${name}`
  const cwd = process.cwd()
  const pushes = createRemotePushes(access)
  return {
    name,
    ref,
    folder: null,
    source: async () => address(),
    git,
    pushes,
    async head() {
      const url = address()
      const { stdout } = await git(['ls-remote', '--heads', '--', url], { cwd }).catch((error: unknown) => {
        throw toAddressError(error, url)
      })
      const heads = new Map(stdout.split('\n').map((line) => line.split('\t').toReversed() as [string, string]))
      const sha = heads.get(ref)
      if (sha !== undefined) return sha
      if (stdout.trim() === '') throw emptyRepository(url)
      throw noSuchBase(
        url,
        name,
        [...heads.keys()].map((head) => head.slice('refs/heads/'.length)),
      )
    },
    async move({ source, from, to }) {
      const pushed = await pushes.push(source, { ref, to, lease: from })
      switch (pushed.kind) {
        case 'moved':
        case 'already':
          return pushed
        case 'stale':
          return { kind: 'base_moved' }
        case 'refused':
          return { kind: 'blocked', reason: refusal(address(), pushed.reason, pushed.words), files: [] }
        case 'unanswered':
          throw new FatalError('git-failed', `The landing could not be pushed to ${address()}: ${firstLine(pushed.words)}`)
      }
    },
  }
}
