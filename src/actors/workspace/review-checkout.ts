// The checkout that a reviewer works in: a repository of its own at exactly one head, write-protected, thrown away when the next is made
// or the verdict is given. What is done in it reaches neither the worktree and branch nor the repository, and it is judged from
// our own repository alone: nothing that an agent can write says whether it has changed anything.

import { randomBytes } from 'node:crypto'
import { lstat, mkdir, rm } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'
import { FatalError } from '../../errors.ts'
import { git } from '../git.ts'
import { readLine } from '../git-link.ts'
import type { Finding, ReviewCheckouts, ReviewRequest } from '../ports.ts'
import { childEnvironment, runProcess } from '../process.ts'
import { readRefs } from '../read-refs.ts'
import { pushUrl } from './clone.ts'
import { createLook } from './inspection.ts'
import { branchIn, detachedHead, placeOf } from './place.ts'

const copyTimeout = 600_000

interface ReviewPlace {
  /** D/repos/PROJECT.git: what is published. */
  repository: string
  /** D/reviews/PROJECT/KEY. */
  path: string
}

/** `folder`: the data folder. */
export function createReviewCheckouts({ folder }: { folder: string }): ReviewCheckouts {
  const placeFor = ({ project, key }: { project: string; key: string }): ReviewPlace => {
    const { repository } = placeOf(folder, project, key)
    return { repository, path: join(dirname(dirname(repository)), 'reviews', project, key) }
  }

  return {
    async prepare(request) {
      const place = placeFor(request)
      const { head } = request
      const baseHead = await baseOf(place, request)
      if (!(await hasCommit(place, head))) {
        throw new FatalError('head-missing', `The commit ${head} of ${request.project} is not in ${place.repository}.`)
      }
      await discard(place)
      await makeFolder(place)
      const { path, repository } = place
      await git(['clone', '--quiet', '--shared', '--no-checkout', '--no-tags', '--template=', '--origin=origin', '--', repository, path], {
        cwd: dirname(path),
        timeout: copyTimeout,
      })
      await git(['config', 'remote.origin.pushurl', pushUrl], { cwd: path })
      await git(['-c', 'submodule.recurse=false', 'checkout', '--quiet', '--detach', head, '--'], { cwd: path, timeout: copyTimeout })
      await chmod('a-w', path)
      await chmod('u+w', join(path, '.git')) // looking at a change refreshes git's index
      return { path, head, baseHead, dirty: [] }
    },

    async scope(request) {
      const place = placeFor(request)
      const { fork, files } = await changeOf(place, request)
      return { from: fork, to: request.head, files }
    },

    async inspect(request) {
      const place = placeFor(request)
      const [head, change] = [await headOf(place), await changeOf(place, request)]
      const { dirty, left } = await compare(place, request.head)
      const look = createLook({ path: place.repository, repository: place.repository })
      return {
        head,
        branch: null,
        dirty,
        operation: null,
        descendsFromSince: true,
        hasParent: true,
        commitsAhead: 0,
        files: [], // there may be thousands of them, and nobody asks
        patchId: change.patchId,
        tree: await look.treeOf(request.head),
        reverts: [],
        protectedFiles: [],
        review: { ...(await bind(place, request, change.files)), left },
      }
    },

    remove: async (request) => discard(placeFor(request)),
  }
}

async function baseOf({ repository }: ReviewPlace, { project, base }: ReviewRequest): Promise<string> {
  const head = (await readRefs(repository, [`refs/heads/${base}`])).get(`refs/heads/${base}`)
  if (head === undefined) throw new FatalError('base-missing', `The base branch ${base} of ${project} is not in ${repository}.`)
  return head
}

async function hasCommit({ repository }: ReviewPlace, commit: string): Promise<boolean> {
  const { exitCode } = await git(['cat-file', '-e', `${commit}^{commit}`], { cwd: repository, allow: [0, 1, 128] })
  return exitCode === 0
}

async function makeFolder({ path }: ReviewPlace): Promise<void> {
  const project = dirname(path)
  await mkdir(project, { recursive: true, mode: 0o700 })
  for (const folder of [dirname(project), project]) {
    const stats = await lstat(folder)
    if (!stats.isDirectory()) {
      throw new FatalError('worktree-outside', `${folder} is a link or a file, where the folder of the reviews must be. Remove it.`)
    }
  }
}

/** Links are not followed on the way down. */
async function chmod(mode: string, path: string): Promise<void> {
  const { exitCode, stderr } = await runProcess({
    command: ['chmod', '-R', mode, path],
    cwd: dirname(path),
    env: { ...childEnvironment(), LC_ALL: 'C' },
    timeout: copyTimeout,
  })
  if (exitCode !== 0) throw new FatalError('review-checkout', `The checkout ${path} could not be write-protected: ${stderr.trim()}`)
}

async function discard({ path }: ReviewPlace): Promise<void> {
  const stats = await lstat(path).catch(ignoreAbsent)
  if (stats === undefined) return
  if (stats.isDirectory()) await chmod('u+rwX', path)
  await rm(path, { recursive: true, force: true, maxRetries: 3 })
}

function ignoreAbsent(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
}

// --- the change that is under review -------------------------------------------------------------

/** Of the head that is under review, wherever the checkout's own head is by now. */
async function changeOf(
  place: ReviewPlace,
  request: ReviewRequest,
): Promise<{ fork: string | null; files: string[]; patchId: string | null }> {
  const look = createLook({ path: place.repository, repository: place.repository })
  const fork = await look.mergeBase(await baseOf(place, request), request.head)
  return { fork, ...(await look.change(fork, request.head)) }
}

/** A file in a commit, each byte as one character; null when there is none. */
async function contentOf({ repository }: ReviewPlace, commit: string, path: string): Promise<string | null> {
  const { exitCode, stdout } = await git(['cat-file', 'blob', `${commit}:${path}`], {
    cwd: repository,
    encoding: 'latin1',
    allow: [0, 128],
  })
  return exitCode === 0 ? stdout : null
}

/** Findings bound to a line of a changed file, or to a changed file; and all the others, as they were written. */
async function bind(place: ReviewPlace, { head, findings }: { head: string; findings: readonly Finding[] }, files: readonly string[]) {
  const changed = new Set(files)
  const lines = new Map<string, number>()
  const bound: Finding[] = []
  const others: Finding[] = []
  for (const finding of findings) {
    const path = toPath(finding.path, place.path)
    if (changed.has(path) && finding.line !== null && !lines.has(path)) lines.set(path, await countLines(place, head, path))
    const isThere = finding.line === null || (finding.line >= 1 && finding.line <= (lines.get(path) ?? 0))
    if (changed.has(path) && isThere) bound.push({ ...finding, path })
    else others.push(finding)
  }
  return { bound, others }
}

/** As git names it. Whoever works in the checkout may well have its whole path. */
const toPath = (written: string, checkout: string): string =>
  posix.normalize(written.startsWith(`${checkout}/`) ? written.slice(checkout.length + 1) : written)

/** 0 for what is not (any more) a file. */
async function countLines(place: ReviewPlace, head: string, path: string): Promise<number> {
  const text = await contentOf(place, head, path).catch(tooLarge)
  if (text === null || text === '') return 0
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
}

/** More lines than anybody counts: each may be there. */
function tooLarge(error: unknown): string {
  if (error instanceof FatalError && error.code === 'git-output-too-large') return '\n'.repeat(10_000_000)
  throw error
}

// --- what the reviewer has changed ---------------------------------------------------------------

/** Throws FatalError `worktree-missing` or `worktree-broken`. */
async function headOf({ path }: ReviewPlace): Promise<string> {
  const stats = await lstat(path).catch(ignoreAbsent)
  if (stats === undefined) throw new FatalError('worktree-missing', `The checkout ${path} was deleted.`)
  // From the files: git would take settings of the checkout, which the reviewer can write.
  const gitFolder = join(path, '.git')
  const ref = stats.isDirectory() ? branchIn(gitFolder) : null
  const head = ref === null ? detachedHead(gitFolder) : (/^[0-9a-f]{40,64}(?=\n$)/.exec(readLine(join(gitFolder, ref)) ?? '')?.[0] ?? null)
  if (head === null) throw new FatalError('worktree-broken', `The checkout ${path} is not at a commit any more.`)
  return head
}

/** `dirty`: paths of the head that are other ones now; `left`: what is there beside them. An index of our own: the checkout's can lie. */
async function compare({ repository, path }: ReviewPlace, head: string): Promise<{ dirty: string[]; left: string[] }> {
  const index = join(dirname(path), `.index-${randomBytes(6).toString('hex')}`)
  const ask = async (args: readonly string[], allow = [0]): Promise<string[]> => {
    const env = { GIT_DIR: repository, GIT_WORK_TREE: path, GIT_INDEX_FILE: index }
    const { stdout } = await git(args, { cwd: path, env, allow, timeout: 300_000 })
    return stdout.split('\0').filter((name) => name !== '')
  }
  try {
    await ask(['read-tree', head])
    await ask(['update-index', '-q', '--ignore-submodules', '--refresh'], [0, 1])
    return {
      dirty: await ask(['diff-files', '--name-only', '--ignore-submodules=all', '-z']),
      left: await ask(['ls-files', '--others', '--exclude-standard', '-z']),
    }
  } finally {
    await Promise.all([rm(index, { force: true }), rm(`${index}.lock`, { force: true })])
  }
}
