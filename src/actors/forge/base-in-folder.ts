// The user's base branch in a folder of this machine: bare, checked out in some work tree, or neither.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { git } from '../git.ts'
import { readRefs } from '../read-refs.ts'
import type { BaseBranch, BaseMove } from './base-branch.ts'
import { currentBranch, dropOwnLock, findOperation, firstLine, gitFolderOf, lockFiles, toObstacle } from './obstacles.ts'
import { missingBase, toRepositoryError } from './repository-errors.ts'

const landingTimeout = 600_000

export function folderBranch(folder: string, name: string): BaseBranch {
  const ref = `refs/heads/${name}`
  let common: Promise<string> | undefined

  /** The branch's commit and the work tree that has it checked out; null when there is no such branch. */
  async function look(): Promise<{ sha: string; worktree: string | null } | null> {
    const { stdout } = await git(['for-each-ref', '--format=%(refname)%00%(objectname)%00%(worktreepath)', ref], { cwd: folder })
    const fields = stdout
      .split('\n')
      .map((line) => line.split('\0'))
      .find((line) => line[0] === ref)
    if (fields === undefined) return null
    const [, sha, path] = fields as [string, string, string]
    // A bare repository shows up as the work tree of its HEAD; one whose folder is gone cannot be harmed.
    return { sha, worktree: path !== '' && existsSync(join(path, '.git')) ? path : null }
  }

  const commonFolder = () =>
    (common ??= git(['rev-parse', '--path-format=absolute', '--git-common-dir'], { cwd: folder }).then(
      ({ stdout }) => stdout.trimEnd(),
      (error: unknown) => {
        common = undefined
        throw error
      },
    ))

  async function moveRef(source: string, from: string, to: string, note: string, identity: Record<string, string>): Promise<BaseMove> {
    await bring(source, to)
    const { exitCode, stderr } = await git(['update-ref', '-m', note, ref, to, from], {
      cwd: folder,
      env: identity,
      allow: [0, 1, 128],
    })
    if (exitCode === 0) return { kind: 'moved' }
    if (/but expected|unable to resolve reference|reference already exists/.test(stderr)) return { kind: 'base_moved' }
    return { kind: 'blocked', reason: firstLine(stderr), files: lockFiles(stderr, folder) }
  }

  async function moveWorktree(
    move: { source: string; from: string; to: string; note: string; identity: Record<string, string> },
    worktree: string,
  ): Promise<BaseMove> {
    const { source, from, to, note, identity } = move
    await bring(source, to)
    const gitFolder = gitFolderOf(worktree)
    // The user may have changed branch while the objects were brought.
    if (currentBranch(gitFolder) !== ref) return { kind: 'base_moved' }
    const { exitCode, stdout, stderr } = await git(
      // Full names of commits in the answer; no merging of submodules, stashing, or overwriting of files that are only ignored.
      [
        '-c',
        'core.abbrev=no',
        '-c',
        'submodule.recurse=false',
        'merge',
        '--ff-only',
        '--no-squash',
        '--no-autostash',
        '--no-overwrite-ignore',
      ].concat(['--no-verify-signatures', '--no-stat', '--no-edit', to]),
      { cwd: worktree, env: { ...identity, GIT_REFLOG_ACTION: note }, allow: [0, 1, 2, 128], timeout: landingTimeout },
    )
    if (exitCode !== 0) {
      const words = stderr === '' ? stdout : stderr
      // Git writes files and index first and the branch last: where only that failed, the landing is half there.
      if (!/cannot lock ref|update_ref failed/.test(words)) return toObstacle(words, worktree)
      await takeBack(worktree, from, to)
      return /but expected/.test(words) ? { kind: 'base_moved' } : toObstacle(words, worktree)
    }
    const merged = /^Updating ([0-9a-f]+)\.\.([0-9a-f]+)$/m.exec(stdout)
    if (merged === null) return { kind: 'already' }
    const right = merged[1] === from && (currentBranch(gitFolder) === ref || (await look())?.sha === to)
    if (right) return { kind: 'moved' }
    // In the milliseconds before the merge the user rewound the branch or changed to another one: give them back what they had.
    await git(['reset', '--quiet', '--keep', merged[1]!], { cwd: worktree, env: { ...identity, GIT_REFLOG_ACTION: `${note} (undone)` } })
    return { kind: 'base_moved' }
  }

  /** Gives files and index the content of `from` where the merge gave them that of `to`; all others stay. */
  async function takeBack(worktree: string, from: string, to: string): Promise<void> {
    // A commit of the user may have taken the files along: then they are theirs now.
    const { exitCode } = await git(['diff-index', '--cached', '--quiet', 'HEAD', '--'], { cwd: worktree, allow: [0, 1] })
    if (exitCode === 0) return
    // What the user has changed in the meantime is kept by git; the next landing names it as in the way.
    await git(['update-index', '-q', '--refresh'], { cwd: worktree, allow: [0, 1] })
    await git(['read-tree', '-m', '-u', to, from], { cwd: worktree, allow: [0, 1, 128], timeout: landingTimeout })
    await giveBackCommitted(worktree, from)
  }

  /** What a commit of the user has changed while git merged: the merge wrote the index as it had read it before, without that. */
  async function giveBackCommitted(worktree: string, from: string): Promise<void> {
    const ask = (...args: string[]) => git([...args], { cwd: worktree, allow: [0, 1, 128] })
    const { stdout } = await ask('diff-tree', '-r', '--no-renames', '--name-only', '-z', from, 'HEAD')
    for (const path of stdout.split('\0').filter((name) => name !== '')) {
      // Where the file is as it was committed, only the index is behind; whatever else it has is the user's.
      const { exitCode } = await ask('diff', '--quiet', '--no-ext-diff', 'HEAD', '--', `:(literal,top)${path}`)
      if (exitCode === 0) await ask('reset', '--quiet', 'HEAD', '--', `:(literal,top)${path}`)
    }
  }

  /** Copies the commit's objects into the user's repository; no ref, no FETCH_HEAD, no tag. */
  const bring = (source: string, commit: string) =>
    git(
      ['-c', 'protocol.version=2', 'fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules'].concat([
        '--no-auto-maintenance',
        '--update-shallow',
        source,
        commit,
      ]),
      { cwd: folder, timeout: landingTimeout },
    )

  return {
    name,
    ref,
    folder,
    source: commonFolder,
    git,
    pushes: null,
    async head() {
      // Where it is checked out does not matter here, and takes git as long again to find out.
      const found = await readRefs(folder, [ref]).catch((error: unknown) => {
        throw toRepositoryError(error, folder)
      })
      if (found.has(ref)) return found.get(ref)!
      throw await missingBase(folder, name)
    },
    async move(move) {
      const { source, from, to, note, identity } = move
      const found = await look()
      if (found === null) return { kind: 'blocked', reason: `The branch ${name} does not exist any more in ${folder}.`, files: [] }
      if (found.sha === to) return { kind: 'already' }
      if (found.sha !== from) {
        const { exitCode } = await git(['merge-base', '--is-ancestor', to, found.sha], { cwd: folder, allow: [0, 1, 128] })
        return { kind: exitCode === 0 ? 'already' : 'base_moved' }
      }
      dropOwnLock(await commonFolder(), ref, to)
      const inTheWay = findOperation(await commonFolder(), ref, found.worktree)
      if (inTheWay !== null) return { kind: 'blocked', ...inTheWay }
      return found.worktree === null ? moveRef(source, from, to, note, identity) : moveWorktree(move, found.worktree)
    },
  }
}
