// The bare repository of a project under D/repos: made on first use, its base branch mirrored from the user's repository.

import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FatalError, suggest } from '../../errors.ts'
import type { SqliteDatabase } from '../../persistence/database.ts'
import { git, gitIdentity } from '../git.ts'
import { createInTurn } from '../in-turn.ts'
import { clearLocks, locksIn } from '../locks.ts'
import type { RemoteAccess } from './base-at-url.ts'
import { createBaseBranch, type BaseBranch } from './base-branch.ts'
import type { PushGuard } from './push-guard.ts'
import type { RefRows } from './refs.ts'

export interface Repository {
  readonly project: string
  /** Our bare repository. */
  readonly path: string
  /** The bare clone that the issue's worktrees belong to. */
  readonly clone: string
  readonly base: BaseBranch
  /** Author and committer of our own commits. */
  identity: () => Promise<Record<string, string>>
  /** Takes over the user's base branch as it is now, also a rewound one; answers its commit. */
  syncBase: () => Promise<string>
  /**
   * The same, unless it was seen or moved by us in the last few seconds: for a beginning, which others may overtake in the next moment
   * anyway. Where the branch is a folder's it is always looked at.
   */
  recentBase: () => Promise<string>
  /** The base is not what we took it for: `recentBase` looks at it again. */
  doubtBase: () => void
  /** Runs what moves our mirror of the base branch, one after the other and never beside `syncBase`. */
  moveBase: <T>(work: () => Promise<T>) => Promise<T>
  /** Runs one landing after the other: two git commands in one work tree get into each other's way. */
  land: <T>(work: () => Promise<T>) => Promise<T>
  /** The commit of the base branch that was taken over last. */
  mirrored: () => string | null
}

export interface RepositoryOptions {
  /** The data folder. */
  folder: string
  projects: readonly { id: string; repo: string; baseBranch: string | null }[]
  database: SqliteDatabase
  refs: RefRows
  guard: PushGuard
  /** How a forge reaches a project's repository; without it `repo` says it all. */
  access?: (project: string) => RemoteAccess
  /** Who makes our own commits, where a forge knows us; without it whoever the user's configuration names. */
  identity?: (project: string) => Promise<Record<string, string>>
  /** Names the base branch of a repository whose configuration does not. */
  discoverBase: (repo: string) => Promise<string>
}

/** Answers the repository of a project; made once for each process. Throws FatalError `unknown-project`, and the errors of BaseBranch. */
export type OpenRepository = (project: string) => Promise<Repository>

const fetchTimeout = 600_000

/** Milliseconds for which a base at a URL needs no second look by `recentBase`. */
const recent = 3_000

export function createRepositories(options: RepositoryOptions): OpenRepository {
  const { folder, projects, database, refs, guard } = options
  const opened = new Map<string, Promise<Repository>>()
  const baseRef = database.prepare<[string], { base_ref: string }>('SELECT base_ref FROM forge_project WHERE id = ?')
  const rememberBase = database.prepare<[string, string]>(
    'INSERT INTO forge_project (id, base_ref) VALUES (?, ?) ON CONFLICT DO UPDATE SET base_ref = excluded.base_ref',
  )

  /** The configured name, else the one discovered first: that the user changes branch must not change what is landed on. */
  async function baseName(project: { id: string; repo: string; baseBranch: string | null }): Promise<string> {
    return project.baseBranch ?? baseRef.get(project.id)?.base_ref ?? (await options.discoverBase(project.repo))
  }

  async function open(id: string): Promise<Repository> {
    const project = projects.find((each) => each.id === id)
    if (project === undefined) throw unknownProject(id, projects)
    const access = options.access?.(id)
    const base = createBaseBranch(project.repo, await baseName(project), access)
    const path = join(folder, 'repos', `${id}.git`)
    const head = await base.head()
    // Only a branch that is there: a misspelt one must not be what is used when the setting is taken away again.
    if (baseRef.get(id)?.base_ref !== base.name) rememberBase.run(id, base.name)
    await make(id, path, base.name, head)
    // Nobody works here before this process does: what is locked was left by one that was killed.
    await clearLocks(locksIn(path))
    let known: Promise<Record<string, string>> | undefined
    const identity = (): Promise<Record<string, string>> => {
      known ??= options.identity?.(id) ?? gitIdentity(base.folder ?? path)
      known.catch(() => (known = undefined))
      return known
    }
    // One after the other: whoever moves the mirrored base while another does would fail on its lock.
    const inTurn = createInTurn()

    let seenAt = -Infinity

    async function sync(): Promise<string> {
      const asked = performance.now()
      const now = await base.head()
      if (refs.get(id, base.ref)?.sha !== now) await take(now)
      seenAt = asked
      return now
    }

    async function take(now: string): Promise<void> {
      await base.git(
        ['-c', 'protocol.version=2', 'fetch', '--quiet', '--force', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules'].concat(
          ['--no-auto-maintenance', '--update-shallow', '--', await base.source(), `+${now}:${base.ref}`],
        ),
        { cwd: path, timeout: fetchTimeout },
      )
      refs.record(id, base.ref, now)
    }

    let next: Promise<string> | null = null
    /** Whoever asks while one waits for its turn is answered by that one: it looks after all of them have asked. */
    function syncBase(): Promise<string> {
      next ??= inTurn('base', () => {
        next = null
        return sync()
      })
      return next
    }

    return {
      project: id,
      path,
      clone: join(folder, 'clones', `${id}.git`),
      base,
      identity,
      syncBase,
      async recentBase() {
        if (base.folder !== null) return syncBase()
        const isRecent = (): boolean => performance.now() - seenAt < recent && seenAt > (access?.changedAt?.() ?? -Infinity)
        // What is moving it at this moment is waited for.
        const known = await inTurn('base', async () => (isRecent() ? refs.get(id, base.ref)?.sha : null))
        return known ?? syncBase()
      },
      doubtBase: () => void (seenAt = -Infinity),
      moveBase: (work) =>
        inTurn('base', async () => {
          const moved = await work()
          seenAt = performance.now()
          return moved
        }),
      land: (work) => inTurn('landing', work),
      mirrored: () => refs.get(id, base.ref)?.sha ?? null,
    }
  }

  async function make(project: string, path: string, base: string, head: string): Promise<void> {
    if (!existsSync(join(path, 'HEAD'))) {
      mkdirSync(path, { recursive: true, mode: 0o700 })
      const format = head.length === 64 ? 'sha256' : 'sha1'
      await git(['init', '--bare', '--quiet', '--template=', `--object-format=${format}`, `--initial-branch=${base}`, '.'], { cwd: path })
      refs.forgetAll(project)
    }
    writeConfiguration(path, head.length === 64, guard.hooks)
  }

  return (id) => {
    const known = opened.get(id)
    if (known !== undefined) return known
    const opening = open(id)
    opened.set(id, opening)
    // What is wrong with the user's repository may be mended: look again the next time.
    opening.catch(() => opened.delete(id))
    return opening
  }
}

/** Written whole at each start, so that nothing an agent put there lasts. Our hook wins over a hooks path in the user's configuration. */
function writeConfiguration(path: string, sha256: boolean, hooks: string): void {
  const lines = [
    '[core]',
    `\trepositoryformatversion = ${sha256 ? 1 : 0}`,
    '\tbare = true',
    `\thooksPath = ${quote(hooks)}`,
    // To check a push git lists the refs of where the objects are from: of this very repository, by another process.
    '\talternateRefsCommand = true',
    ...(sha256 ? ['[extensions]', '\tobjectformat = sha256'] : []),
    '[uploadpack]',
    '\tallowAnySHA1InWant = true',
    '[receive]',
    '\tautogc = false',
    '\tshallowUpdate = true',
    '[gc]',
    '\tauto = 0',
    '[maintenance]',
    '\tauto = false',
  ]
  const file = join(path, 'config')
  writeFileSync(`${file}.new`, `${lines.join('\n')}\n`)
  renameSync(`${file}.new`, file)
}

const quote = (value: string) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`

function unknownProject(id: string, projects: readonly { id: string }[]): FatalError {
  const known = projects.map((project) => project.id)
  const nearest = suggest(id, known)
  return new FatalError(
    'unknown-project',
    `There is no project ${id}. ${nearest === undefined ? `Configured are: ${known.join(', ')}.` : `Did you mean ${nearest}?`}`,
  )
}
