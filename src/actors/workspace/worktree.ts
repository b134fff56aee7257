// Owns the git worktrees of issues: made, taken up again, inspected, saved and removed. Nothing unpublished is ever destroyed:
// before anything is overwritten it is committed under refs/signalbox/saved, and what git cannot read is moved aside whole.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FatalError } from '../../errors.ts'
import { git } from '../git.ts'
import { ageOf, clearLocks } from '../locks.ts'
import type { Workspace, WorkspaceRequest, Worktree } from '../ports.ts'
import { readRefs } from '../read-refs.ts'
import { createBoundary, type BoundaryOptions, type Turn } from './boundary.ts'
import { createClones, type Heads } from './clone.ts'
import { inspectWork } from './inspection.ts'
import { lastChangeIn } from './last-change.ts'
import {
  claimOf,
  detachedHead,
  dropRegistration,
  forgetOperation,
  lookAt,
  operationIn,
  placeOf,
  rebasedBranch,
  registrationsOf,
  setAside,
  setAsidePaths,
  type Place,
  type Standing,
} from './place.ts'
import { runPrepareHook, type PrepareHook } from './prepare-hook.ts'
import { removeWorktree } from './removal.ts'
import { saveCommit, saveSnapshot } from './saved.ts'
import { statusOf, type Status } from './status.ts'

export interface WorkspaceOptions {
  /** The data folder. */
  folder: string
  /** Run in the worktree at each preparation; null when the project has none. */
  prepareHook: (project: string) => PrepareHook | null
  /** For the environment of hooks, beside the fixed list. */
  env: Record<string, string>
  /**
   * Opens D/repos/PROJECT.git before a worktree is prepared from it: who commits there, and its base branch as the user has it, or had
   * it a moment ago. Without it both are taken as they are.
   */
  repository?: (project: string) => Promise<{
    identity: () => Promise<Record<string, string>>
    syncBase: () => Promise<unknown>
    recentBase: () => Promise<unknown>
  }>
  /** Epoch ms; default the clock of this machine. */
  now?: () => number
  /** For what agents must not reach beside their worktrees; without it only the clone is compared. */
  boundary?: Pick<BoundaryOptions, 'userRepository' | 'movedRefs'>
}

type PrepareRequest = Parameters<Workspace['prepare']>[0]
type Present = Extract<Standing, { kind: 'worktree' }>

export function createWorkspace(options: WorkspaceOptions): Workspace {
  const { now = Date.now } = options
  const clones = createClones(now)
  const boundary = createBoundary({
    ...{ now, takenOut: clones.takenOut, userRepository: async () => null, movedRefs: async () => [] },
    ...options.boundary,
  })
  const place = ({ project, key, branch }: WorkspaceRequest): Place => {
    if (branch === '' || branch.startsWith('-')) throw new FatalError('branch-name', `'${branch}' cannot be the name of a branch.`)
    return placeOf(options.folder, project, key)
  }

  /** The branch is moved by us: not by an agent of another issue. */
  async function using<T>(turn: Turn, work: () => Promise<T>): Promise<T> {
    boundary.use(turn)
    return work().finally(() => boundary.use(turn))
  }

  async function prepare(request: PrepareRequest): Promise<Worktree> {
    const at = place(request)
    const repository = await options.repository?.(request.project)
    await (request.newestBase === true ? repository?.syncBase() : repository?.recentBase())
    await clones.ensure(at, (await repository?.identity()) ?? {})
    await clearOwnLocks(at, request.branch)
    const heads = await clones.bring(at, request.base, request.branch)
    // The commit may have gone with a clone that was made anew: then there is nothing to start over from.
    const restartFrom = request.restartFrom != null && (await isThere(at, request.restartFrom)) ? request.restartFrom : null
    const wanted = { ...request, restartFrom }
    const worktree = (await adopt(at, wanted, heads)) ?? (await clones.alone(at, () => create(at, wanted, heads)))
    claimBranch(at)
    const hook = options.prepareHook(request.project)
    if (hook !== null) {
      await runPrepareHook(hook, worktree.path, request, options.env)
      await clones.learn(at)
    }
    return { ...worktree, baseHead: heads.base }
  }

  const turnOf = ({ project, key, branch }: { project: string; key: string; branch: string | null }): Turn => ({
    place: placeOf(options.folder, project, key),
    branch,
  })

  return {
    prepare: async (request) => using(turnOf(request), () => prepare(request)),
    enclose: async (request) => boundary.begin(turnOf(request)),
    overstepped: async (request) => boundary.end(turnOf(request)),
    async inspect(request) {
      const at = place(request)
      // What is read and published next is read by our own git, which minds the settings that the agent has left.
      const repository = await options.repository?.(request.project)
      await clones.clean(at, (await repository?.identity()) ?? {})
      return inspectWork(at, request)
    },
    lastChange: async (request) => lastChangeIn(place(request)),
    uncommitted: async (request) => uncommittedIn(place(request)),
    save: async (request) => save(place(request), request),
    async remove(request) {
      const turn = turnOf(request)
      const answer = await using(turn, () => removeWorktree(place(request), request))
      if (answer.removed) boundary.forget(turn)
      if (answer.removed && !(await hasBranch(turn))) rmSync(claimOf(turn.place), { force: true })
      return answer
    },
  }
}

// --- prepare -------------------------------------------------------------------------------------

type Prepared = Omit<Worktree, 'baseHead'>

/** Takes up the worktree that is there; null when there is none, or when it was damaged and has been moved aside. */
async function adopt(place: Place, request: PrepareRequest, heads: Heads): Promise<Prepared | null> {
  const standing = lookAt(place)
  if (standing.kind === 'missing') return null
  try {
    if (standing.kind === 'worktree') return await takeUp(place, request, heads, standing)
  } catch (error) {
    // What waiting mends is tried again; a worktree that git cannot read, save or reset is damaged.
    if (!(error instanceof FatalError) || error.code === 'worktree-stuck') throw error
  }
  setAside(place)
  return null
}

async function takeUp(place: Place, request: PrepareRequest, heads: Heads, { gitFolder }: Present): Promise<Prepared> {
  const { branch } = request
  const { path } = place
  const halfMade = wasInterrupted(gitFolder)
  const status = await statusOf(path)
  const operation = operationIn(gitFolder)
  const isOurs = status.branch === branch || (status.branch === null && operation === 'rebase' && rebasedBranch(gitFolder) === branch)
  const startsOver = request.restartFrom != null
  if (request.keep && !startsOver && !halfMade && isOurs && status.head !== null) return { path, head: status.head, dirty: status.dirty }

  const target = request.restartFrom ?? (await targetOf(place, heads))
  const isThere = status.branch === branch && status.head === target
  if (isThere && operation === null && status.dirty.length === 0) return { path, head: target, dirty: [] }

  const reason = `${request.keep ? 'the branch was switched' : 'the worktree was reset'} before run ${request.runId}`
  await saveWork(place, gitFolder, status, `${reason}\n\nBranch: ${status.branch ?? '(none)'}`)
  if (heads.local !== null && heads.local !== target) await saveCommit(place, heads.local)
  if (request.keep && !startsOver && !halfMade) {
    const kept = await returnToBranch(place, branch, target, status)
    if (kept !== null) return kept
  }
  return reset(place, branch, target, gitFolder)
}

/** A creation that was killed before the files were there: nobody has worked in it yet. */
function wasInterrupted(gitFolder: string): boolean {
  const lock = join(gitFolder, 'locked')
  if (!existsSync(lock) || readFileSync(lock, 'utf8').trim() !== 'initializing') return false
  rmSync(lock, { force: true })
  return true
}

/** Back to the branch with the uncommitted changes; null when they do not fit there (they have been saved). */
async function returnToBranch(place: Place, branch: string, target: string, status: Status): Promise<Prepared | null> {
  // Commits on a branch of the agent's own that go on from ours are the work: our branch takes them over.
  const goesOn = status.head !== null && (await isAncestor(place, target, status.head))
  const options = ['checkout', '--quiet', '--ignore-other-worktrees', '--no-track', '-B', branch]
  const { exitCode } = await git(['-c', 'submodule.recurse=false', ...options, goesOn ? status.head! : target, '--'], {
    cwd: place.path,
    allow: [0, 1, 128],
    timeout: 300_000,
  })
  if (exitCode !== 0) return null
  const { head, dirty } = await statusOf(place.path)
  return { path: place.path, head: head!, dirty }
}

/** Exactly the commit `target` on the branch; what is ignored stays. Everything else has been saved. */
async function reset(place: Place, branch: string, target: string, gitFolder: string): Promise<Prepared> {
  const { path } = place
  const operation = operationIn(gitFolder)
  if (operation !== null) {
    // `--quit` keeps an autostash of the operation where `git stash list` shows it. A bisection has none, and to end it asks submodules.
    if (operation !== 'bisect') await git([operation, '--quit'], { cwd: path, allow: [0, 1, 128, 129] })
    forgetOperation(gitFolder)
  }
  const options = ['checkout', '--quiet', '--force', '--ignore-other-worktrees', '--no-track', '-B', branch, target, '--']
  await git(['-c', 'submodule.recurse=false', ...options], { cwd: path, timeout: 300_000 })
  await git(['clean', '--quiet', '--force', '-d'], { cwd: path, allow: [0, 1], timeout: 300_000 })
  const status = await statusOf(path)
  if (status.untracked.length > 0) {
    setAsidePaths(place, status.untracked)
    await git(['clean', '--quiet', '--force', '-d'], { cwd: path, allow: [0, 1] }) // the folders that they were in
  }
  return { path, head: target, dirty: status.dirty.filter((each) => !status.untracked.includes(each)) }
}

async function create(place: Place, { branch, runId, restartFrom }: PrepareRequest, heads: Heads): Promise<Prepared> {
  const { path, clone } = place
  const target = restartFrom ?? (await targetOf(place, heads))
  // What tells that it is ours goes with the registration.
  if (isClaimed(place)) claimBranch(place)
  for (const gitFolder of registrationsOf(place)) {
    // The worktree was deleted; a commit that only its HEAD had would go with the registration.
    const head = detachedHead(gitFolder)
    if (head !== null) await saveCommit(place, head).catch(ignoreMissing)
    dropRegistration(place, gitFolder)
  }
  if (heads.local !== null && heads.local !== target) {
    await saveCommit(place, heads.local)
    await git(['update-ref', '-m', `signalbox: run ${runId}`, `refs/heads/${branch}`, target, heads.local], { cwd: clone })
  }
  // By force: the branch may be checked out in a worktree that was moved aside, or in another issue's by its agent.
  const what = heads.local === null ? ['--no-track', '-b', branch, path, target] : [path, branch]
  await git(['-c', 'submodule.recurse=false', 'worktree', 'add', '--quiet', '--force', ...what], {
    cwd: clone,
    timeout: 600_000,
  })
  return { path, head: target, dirty: [] }
}

/** A HEAD may name a commit that is not there (any more): then there is nothing to keep. */
function ignoreMissing(error: unknown): void {
  if (!(error instanceof FatalError)) throw error
}

/** Read-only: the commit that a preparation which keeps nothing would begin with. Throws FatalError `base-missing`. */
export async function nextHead(dataFolder: string, request: WorkspaceRequest & { restartFrom: string | null }): Promise<string> {
  const { project, key, base, branch, restartFrom } = request
  const at = placeOf(dataFolder, project, key)
  const refs = { base: `refs/heads/${base}`, branch: `refs/heads/${branch}` }
  const there = await readRefs(at.repository, [refs.base, refs.branch])
  const head = there.get(refs.base)
  if (head === undefined) throw new FatalError('base-missing', `The base branch ${base} of ${project} is not in ${at.repository}.`)
  const published = there.get(refs.branch) ?? null
  if (!existsSync(at.clone)) return published ?? head
  if (restartFrom !== null && (await isThere(at, restartFrom))) return restartFrom
  const local = (await readRefs(at.clone, [refs.branch])).get(refs.branch) ?? null
  return targetOf(at, { base: head, published, local })
}

/**
 * The commit that the branch goes on from: the published one and what goes on from it locally. Where the two have diverged
 * (the agent rewrote published commits, or somebody pushed others) the published one rules. A branch without commits of its
 * own, or with a history of its own, starts at the base as it is now, and so does one that another issue's agent has made: it can write
 * among the branches of all issues.
 */
async function targetOf(place: Place, heads: Heads): Promise<string> {
  const { base, published } = heads
  const local = isClaimed(place) ? heads.local : null
  if (local === null || local === published) return published ?? base
  if (published === null) return (await isAncestor(place, local, base)) || (await isUnrelated(place, local, base)) ? base : local
  return (await isAncestor(place, published, local)) ? local : published
}

const isClaimed = (place: Place): boolean => existsSync(claimOf(place)) || registrationsOf(place).length > 0

/** A worktree that somebody else has taken away may have left unpublished work on its branch. */
async function hasBranch({ place, branch }: Turn): Promise<boolean> {
  const ref = `refs/heads/${branch}`
  return existsSync(place.clone) && (await readRefs(place.clone, [ref])).has(ref)
}

function claimBranch(place: Place): void {
  if (existsSync(claimOf(place))) return
  mkdirSync(place.root, { recursive: true })
  writeFileSync(claimOf(place), '')
}

async function isThere({ clone }: Place, commit: string): Promise<boolean> {
  const { exitCode } = await git(['cat-file', '-e', `${commit}^{commit}`], { cwd: clone, allow: [0, 1, 128] })
  return exitCode === 0
}

async function isAncestor({ clone }: Place, ancestor: string, commit: string): Promise<boolean> {
  const { exitCode } = await git(['merge-base', '--is-ancestor', ancestor, commit], { cwd: clone, allow: [0, 1] })
  return exitCode === 0
}

async function isUnrelated({ clone }: Place, one: string, other: string): Promise<boolean> {
  const { exitCode } = await git(['merge-base', one, other], { cwd: clone, allow: [0, 1] })
  return exitCode === 1
}

/** Locks of the whole clone may belong to another issue's agent. */
const sharedLockAge = 60_000

/** Removes the locks of a git that was killed, which would otherwise stand in the way for ever. */
async function clearOwnLocks(place: Place, branch: string): Promise<void> {
  const own = registrationsOf(place).flatMap((folder) => [join(folder, 'index.lock'), join(folder, 'HEAD.lock')])
  own.push(join(place.clone, `refs/heads/${branch}.lock`))
  await clearLocks(own)
  for (const lock of ['packed-refs.lock', 'config.lock', 'shallow.lock'].map((name) => join(place.clone, name))) {
    if ((ageOf(lock) ?? 0) > sharedLockAge) rmSync(lock, { force: true })
  }
}

async function uncommittedIn(place: Place): Promise<string[]> {
  if (lookAt(place).kind !== 'worktree') return []
  const status = await statusOf(place.path).catch(ignoreMissing)
  return status?.dirty ?? []
}

// --- save ----------------------------------------------------------------------------------------

async function save(place: Place, request: Parameters<Workspace['save']>[0]): Promise<string | null> {
  const standing = lookAt(place)
  if (standing.kind === 'missing') return null
  const message = `${request.reason}\n\nBranch: ${request.branch}`
  if (standing.kind === 'worktree') return saveWork(place, standing.gitFolder, await statusOf(place.path), message)
  if (!standing.isFolder) throw new FatalError('worktree-broken', `There is nothing that can be saved: ${standing.reason}.`)
  // Without its .git the files are still there: as a change of the branch's last commit.
  const heads = await readRefs(place.clone, [`refs/heads/${request.branch}`, `refs/remotes/origin/${request.base}`])
  return saveSnapshot(place, {
    cwd: place.path,
    env: { GIT_DIR: place.clone, GIT_WORK_TREE: place.path },
    index: null,
    parents: [...heads.values()].slice(0, 1),
    exclude: [],
    message: `Saved by Signalbox: ${message}\n`,
  })
}

/** The uncommitted changes, else the head where nothing published leads to it, else null. */
async function saveWork(place: Place, gitFolder: string, status: Status, reason: string): Promise<string | null> {
  const nested = status.untracked.filter((path) => path.endsWith('/'))
  const isClean = status.dirty.length === nested.length && operationIn(gitFolder) === null
  if (isClean) return status.head === null ? null : saveCommit(place, status.head)
  return saveSnapshot(place, {
    cwd: place.path,
    env: {},
    index: join(gitFolder, 'index'),
    parents: [...new Set([...(status.head === null ? [] : [status.head]), ...mergeHeads(gitFolder)])],
    exclude: nested,
    message: `Saved by Signalbox: ${reason}\n`,
  })
}

function mergeHeads(gitFolder: string): string[] {
  const path = join(gitFolder, 'MERGE_HEAD')
  return existsSync(path) ? (readFileSync(path, 'utf8').match(/^[0-9a-f]{40,64}$/gm) ?? []) : []
}
