// The user's base branch at a URL: moved by a push with a lease on the exact commit.

import { FatalError, withoutCredentials } from '../../errors.ts'
import type { GitRequest, GitResult } from '../git.ts'
import type { BaseBranch } from './base-branch.ts'
import { firstLine } from './obstacles.ts'
import { emptyRepository, noSuchBase, toAddressError } from './repository-errors.ts'

const landingTimeout = 600_000

/** GitHub's words where the rules of the branch are in the way. */
const rules = /GH006|GH013|protected branch|rule violations/i
const remedy = ' Its rules have to let Signalbox push to it: `signalbox doctor` says what is in the way, and what to do.'

/** With what the other side has said, such as its hook. */
function refusal(url: string, line: string, stderr: string): string {
  const words = [...stderr.matchAll(/^remote: (.*\S)\s*$/gm)].map(([, said]) => said!).join(' ')
  const said = words === '' ? '' : ` It says: ${words.slice(0, 500).replace(/\.?$/, '.')}`
  return withoutCredentials(
    `${url} refused the landing: ${line.split('\t').at(-1)!}.${said}${rules.test(`${line} ${words}`) ? remedy : ''}`,
  )
}

/** Where a repository is, and how git gets there. */
export interface RemoteAccess {
  /** Asked each time: a repository may be given another name. */
  url: () => string
  /** `git` with the credentials that it needs there. */
  git: (args: readonly string[], request: Omit<GitRequest, 'env'>) => Promise<GitResult>
}

export function urlBranch({ url: address, git }: RemoteAccess, name: string): BaseBranch {
  const ref = `refs/heads/${name}`
  const cwd = process.cwd()
  return {
    name,
    ref,
    folder: null,
    source: async () => address(),
    git,
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
      const url = address()
      const { exitCode, stdout, stderr } = await git(
        [
          'push',
          '--porcelain',
          '--no-follow-tags',
          '--recurse-submodules=no',
          `--force-with-lease=${ref}:${from}`,
          '--',
          url,
          `${to}:${ref}`,
        ],
        { cwd: source, allow: [0, 1], timeout: landingTimeout },
      )
      const line = stdout.split('\n').find((each) => each.includes(`:${ref}\t`)) ?? ''
      if (line.startsWith('=')) return { kind: 'already' }
      if (exitCode === 0) return { kind: 'moved' }
      if (/\[rejected\]|failed to update ref|cannot lock ref/.test(line)) return { kind: 'base_moved' }
      if (line.startsWith('!')) return { kind: 'blocked', reason: refusal(url, line, stderr), files: [] }
      throw new FatalError('git-failed', `The landing could not be pushed to ${url}: ${firstLine(stderr)}`)
    },
  }
}
