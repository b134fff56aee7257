// What a worktree holds after a run, read without changing anything: what verification decides on.

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { FatalError } from '../../errors.ts'
import { git, type GitRequest, type GitResult } from '../git.ts'
import type { Inspection, Workspace } from '../ports.ts'
import { readRefs } from '../read-refs.ts'
import { lookAt, operationIn, type Place } from './place.ts'
import { statusOf, type Status } from './status.ts'

/** Changes whose text is longer than this are identified by the ids of their files instead of by `git patch-id`. */
const patchLimit = 32 * 2 ** 20

/** A branch with more commits than this (an unrelated history) counts as this many. */
const countedCommits = 100_000

export async function inspectWork(place: Place, request: Parameters<Workspace['inspect']>[0]): Promise<Inspection> {
  const standing = lookAt(place)
  if (standing.kind === 'missing') throw new FatalError('worktree-missing', `The worktree ${place.path} was deleted.`)
  if (standing.kind === 'broken') throw new FatalError('worktree-broken', `The worktree ${place.path} is broken: ${standing.reason}.`)
  const [base, status] = await Promise.all([baseHead(place, request.base), readStatus(place)])
  const { head, branch, dirty } = status
  if (head === null) throw new FatalError('worktree-broken', `The branch ${branch} in ${place.path} has no commit.`)

  const look = createLook(place)
  const ahead = await look.ahead(base, head)
  const fork = ahead.fork === undefined ? await look.mergeBase(base, head) : ahead.fork
  const { since, parent = null } = request
  // Each question that is answered already is a process less: a branch is mostly looked at from where it left the base.
  const isWithin = (commit: string) => commit === head || commit === fork || ahead.subjects.has(commit) || look.isAncestor(commit, head)
  const descendsFromSince = await isWithin(since)
  const [change, tree, hasParent, subjects, protectedFiles] = await Promise.all([
    look.change(fork, head),
    ahead.tree ?? look.treeOf(head),
    parent === null || isWithin(parent),
    since === fork ? [...ahead.subjects.values()] : look.subjects(since, base, head),
    descendsFromSince ? protectedChanges(look, { ...request, base, head, fork }) : [],
  ])
  return {
    head,
    branch,
    dirty,
    operation: operationIn(standing.gitFolder),
    descendsFromSince,
    hasParent,
    commitsAhead: ahead.subjects.size,
    ...change,
    tree,
    reverts: subjects.filter((subject) => subject.startsWith('Revert "')),
    protectedFiles,
  }
}

/** Protected paths that differ from the base in another way than at `since`, an ancestor of the head: what merging the base brought is not the branch's change. */
async function protectedChanges(
  look: ReturnType<typeof createLook>,
  {
    since,
    protectedPaths = [],
    base,
    head,
    fork,
  }: { since: string; protectedPaths?: readonly string[]; base: string; head: string; fork: string | null },
): Promise<string[]> {
  if (protectedPaths.length === 0 || since === head || fork === null) return []
  const own = await look.files(fork, head, protectedPaths)
  if (own.length === 0 || since === fork) return own
  const touched = await look.files(since, head, protectedPaths)
  const candidates = touched.filter((path) => own.includes(path))
  if (candidates.length === 0) return []
  const before = await look.mergeBase(base, since)
  if (before === null) return candidates
  const isOther = await Promise.all(
    candidates.map(async (path) => (await look.patchOf(before, since, path)) !== (await look.patchOf(fork, head, path))),
  )
  return candidates.filter((_, i) => isOther[i])
}

async function baseHead({ repository, project }: Place, base: string): Promise<string> {
  const head = (await readRefs(repository, [`refs/heads/${base}`])).get(`refs/heads/${base}`)
  if (head === undefined) throw new FatalError('base-missing', `The base branch ${base} of ${project} is not in ${repository}.`)
  return head
}

async function readStatus({ path }: Place): Promise<Status> {
  try {
    return await statusOf(path)
  } catch (cause) {
    if (!(cause instanceof FatalError)) throw cause
    throw new FatalError('worktree-broken', `The worktree ${path} cannot be read by git: ${cause.message}`, { cause })
  }
}

/** `git patch-id --stable` of what `head` changes since it left `base`; null when that is nothing, or there is no base. */
export async function patchIdOf(place: Pick<Place, 'path' | 'repository'>, base: string | null, head: string): Promise<string | null> {
  if (base === null) return null
  const look = createLook(place)
  return (await look.change(await look.mergeBase(base, head), head)).patchId
}

// A plumbing command, so that no setting for people changes the text; full ids, so that binary files count by content.
const compare = ['diff-tree', '-r', '--no-renames', '--no-ext-diff', '--no-textconv', '--full-index']

/** A glob from the root of the repository, unless it is written in git's own long form. */
const toPathspec = (glob: string): string => (glob.startsWith(':') ? glob : `:(top,glob)${glob}`)

/** Questions about commits. The base may have moved since the clone last fetched: its new objects are read where they are. */
export function createLook({ path, repository }: Pick<Place, 'path' | 'repository'>) {
  const ask = (args: readonly string[], options: Partial<GitRequest> = {}): Promise<GitResult> =>
    git(args, { cwd: path, env: { GIT_ALTERNATE_OBJECT_DIRECTORIES: objectsOf(repository) }, timeout: 120_000, ...options })

  return {
    /** Null when the two have no history in common. */
    async mergeBase(base: string, head: string): Promise<string | null> {
      const { exitCode, stdout } = await ask(['merge-base', base, head], { allow: [0, 1] })
      return exitCode === 0 ? stdout.trim() : null
    },

    /**
     * The commits on head that are not on the base, each with its subject, and the head's tree where it is one of them. `fork` is
     * their merge base, null for none, where the commits of the base that they were made on leave no doubt about it.
     */
    async ahead(base: string, head: string): Promise<{ subjects: Map<string, string>; tree: string | null; fork?: string | null }> {
      const { stdout } = await ask([
        'rev-list',
        `--max-count=${countedCommits}`,
        '--boundary',
        '--no-commit-header',
        '--format=%m %H %T %s',
        head,
        `^${base}`,
      ])
      const subjects = new Map<string, string>()
      const madeOn: string[] = []
      let headTree: string | null = null
      for (const line of stdout.split('\n')) {
        const [, mark, commit, tree, subject] = /^([->]) (\w+) (\w+) ([^]*)$/.exec(line) ?? []
        if (mark === '-') madeOn.push(commit!)
        if (mark !== '>') continue
        subjects.set(commit!, subject!)
        if (commit === head) headTree = tree!
      }
      const found = { subjects, tree: headTree }
      if (subjects.size === 0) return { ...found, fork: head }
      if (madeOn.includes(base)) return { ...found, fork: base }
      // Every commit that both have leads to one of those that ours were made on. Of several, one may come before the other.
      return madeOn.length > 1 || subjects.size >= countedCommits ? found : { ...found, fork: madeOn[0] ?? null }
    },

    async treeOf(head: string): Promise<string> {
      return (await ask(['rev-parse', '--verify', `${head}^{tree}`])).stdout.trim()
    },

    async isAncestor(ancestor: string, head: string): Promise<boolean> {
      // 128: a commit that is not even here, so nothing here goes on from it.
      const { exitCode } = await ask(['merge-base', '--is-ancestor', ancestor, head], { allow: [0, 1, 128] })
      return exitCode === 0
    },

    /** Subjects of the commits since then, the base's own apart. */
    async subjects(since: string, base: string, head: string): Promise<string[]> {
      // 128: a commit that is not here; then history was rewritten, which is told apart.
      const { stdout } = await ask(['rev-list', '--no-commit-header', '--format=%s', head, `^${since}`, `^${base}`], { allow: [0, 128] })
      return stdout.split('\n')
    },

    /** The paths that differ, of those that the globs name. */
    async files(from: string, to: string, globs: readonly string[]): Promise<string[]> {
      const { stdout } = await ask([...compare, '--name-only', '-z', from, to, '--', ...globs.map(toPathspec)])
      return stdout.split('\0').filter((path) => path !== '')
    },

    /** The identity of the change of one path; empty for none. */
    async patchOf(from: string, to: string, path: string): Promise<string> {
      const patch = await ask([...compare, '--patch', from, to, '--', `:(top,literal)${path}`], { encoding: 'latin1', limit: patchLimit })
      if (patch.stdout === '') return ''
      // Without the ids of the two files, which change with the base, but with those of a binary one's content.
      return (await ask(['patch-id', '--stable'], { input: Buffer.from(patch.stdout, 'latin1') })).stdout.split(' ')[0]!.trim()
    },

    async change(fork: string | null, head: string): Promise<{ files: string[]; patchId: string | null }> {
      const from = fork ?? (await ask(['hash-object', '-t', 'tree', '--stdin'], { input: '' })).stdout.trim()
      if (from === head) return { files: [], patchId: null }
      // As bytes: text in other encodings than UTF-8 must not become equal by being decoded.
      const both = await ask([...compare, '--raw', '--patch', '-z', from, head], { encoding: 'latin1', limit: patchLimit }).catch(tooLarge)
      if (both === null) {
        const raw = (await ask([...compare, '--raw', '-z', from, head])).stdout
        return { files: pathsOf(raw), patchId: `raw-${createHash('sha256').update(raw).digest('hex')}` }
      }
      // The list ends with an empty entry; then the text follows.
      const end = both.stdout.indexOf('\0\0')
      if (end === -1) return { files: pathsOf(fromBytes(both.stdout)), patchId: null }
      const { stdout } = await ask(['patch-id', '--stable'], { input: Buffer.from(both.stdout.slice(end + 2), 'latin1') })
      return { files: pathsOf(fromBytes(both.stdout.slice(0, end + 1))), patchId: stdout.split(' ')[0]!.trim() || null }
    },
  }
}

/** Of the entries of `--raw -z`: a path after each description. */
const pathsOf = (raw: string): string[] => raw.split('\0').filter((_, i) => i % 2 === 1)

const fromBytes = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8')

function tooLarge(error: unknown): null {
  if (error instanceof FatalError && error.code === 'git-output-too-large') return null
  throw error
}

/** The objects of a repository as an entry of git's list of folders, which a colon would end. */
export function objectsOf(repository: string): string {
  const path = join(repository, 'objects')
  return /[:"]/.test(path) ? `"${path.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"` : path
}
