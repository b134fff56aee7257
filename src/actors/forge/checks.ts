// Runs a project's `ci.command` on exactly one commit, in a work tree that is thrown away afterwards.

import { randomBytes } from 'node:crypto'
import { copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { FatalError, RetryableError } from '../../errors.ts'
import { git } from '../git.ts'
import type { CheckFailure } from '../ports.ts'
import { childEnvironment, endMarked, runProcess, type ProcessIdentity, type ProcessResult } from '../process.ts'
import { toFailure } from './failure.ts'
import type { OpenRepository, Repository } from './repository.ts'

/** What is run on each head and on each commit that is to land. */
export interface CheckCommand {
  command: string
  /** Milliseconds. */
  timeout: number
  env: Record<string, string>
}

export interface CheckResult {
  state: 'passed' | 'failed'
  failures: CheckFailure[]
  /** Names of the failed reports that it goes by, where they are those of others. */
  reports?: string[]
}

export interface CheckRequest {
  project: string
  commit: string
  /** Another command than the project's checks, by the name that it has in the configuration. */
  other?: { name: string; command: CheckCommand } | undefined
  /** The folder of its output under D/checks/PROJECT. */
  label: string
  env?: Record<string, string> | undefined
  signal?: AbortSignal | undefined
  onStart?: ((identity: ProcessIdentity) => void) | undefined
}

/** The name of the one check of the embedded forge. */
export const checkName = 'ci'

/** In the environment of every check of this data folder, and of one check. */
const marker = 'SIGNALBOX_CHECKS'
const ownMarker = 'SIGNALBOX_CHECK'
const kept = 64 * 1024
const outputLimit = 16 * 2 ** 20

export type Checks = ReturnType<typeof createChecks>

export function createChecks(options: {
  folder: string
  projects: readonly { id: string; ci: CheckCommand | null }[]
  open: OpenRepository
}) {
  const { projects, open } = options
  const home = join(options.folder, 'checks')

  return {
    isDeclared: (project: string) => projects.some((each) => each.id === project && each.ci !== null),

    /**
     * Contract: passed or failed are words about the commit alone. What keeps the command from saying one of them (it does not
     * exist, cannot be executed, does not end) is FatalError `environment`; an abort is RetryableError `check-aborted`.
     */
    async run(request: CheckRequest): Promise<CheckResult> {
      const { project, commit, signal } = request
      const ci = request.other?.command ?? projects.find((each) => each.id === project)?.ci ?? null
      if (ci === null) return { state: 'passed', failures: [] }
      const repository = await open(project)
      const folder = join(home, project, request.label)
      const mark = randomBytes(6).toString('hex')
      const tree = join(folder, `tree-${mark}`)
      const outputFile = join(folder, 'output.log')
      try {
        await prepare(repository, tree, commit, signal).catch((error: unknown) => {
          if (signal?.aborted) throw aborted(commit)
          const reason = error instanceof Error ? error.message : String(error)
          throw new FatalError('environment', `The work tree of the check could not be made: ${reason}`, { cause: error })
        })
        const result = await runProcess({
          // One stream, so that the kept end has both as they were printed.
          command: ['/bin/sh', '-c', 'exec /bin/sh -c "$0" 2>&1', ci.command],
          cwd: tree,
          env: childEnvironment({
            ...ci.env,
            SIGNALBOX_PROJECT: project,
            SIGNALBOX_HEAD: commit,
            SIGNALBOX_BASE: repository.base.name,
            ...request.env,
            [marker]: home,
            [ownMarker]: mark,
          }),
          timeout: ci.timeout,
          signal,
          keep: kept,
          outputFile,
          outputLimit,
          onStart: request.onStart,
        }).finally(() => endMarked(ownMarker, mark)) // also what left its process group
        return judge(result, { name: request.other?.name ?? checkName, ci, commit, tree, outputFile })
      } finally {
        // What cannot be removed now (files of another user, a busy mount) is tried again at the next start.
        await rm(tree, { recursive: true, force: true, maxRetries: 3 }).catch(() => {})
      }
    },

    /** Ends what a dead owner left running, and removes its work trees. To be called before the first check of a process. */
    async clear(): Promise<void> {
      await endMarked(marker, home)
      for (const project of await names(home)) {
        for (const label of await names(join(home, project))) {
          for (const name of await names(join(home, project, label))) {
            if (name.startsWith('tree-')) await rm(join(home, project, label, name), { recursive: true, force: true }).catch(() => {})
          }
        }
      }
    },
  }
}

/**
 * A repository of its own that borrows our objects: what the command does to refs, stashes or configuration ends with it, and
 * none of it reaches the bare repository. Written by hand because each git process costs as much as a small test.
 */
async function prepare(repository: Repository, tree: string, commit: string, signal: AbortSignal | undefined): Promise<void> {
  const dot = join(tree, '.git')
  const sha256 = commit.length === 64
  await mkdir(join(dot, 'objects', 'info'), { recursive: true })
  await mkdir(join(dot, 'refs'))
  const base = repository.mirrored()
  await Promise.all([
    writeFile(join(dot, 'HEAD'), `${commit}\n`),
    writeFile(join(dot, 'objects', 'info', 'alternates'), `${join(repository.path, 'objects')}\n`),
    writeFile(join(dot, 'packed-refs'), base === null ? '' : `${base} refs/remotes/origin/${repository.base.name}\n`),
    writeFile(
      join(dot, 'config'),
      `[core]\n\trepositoryformatversion = ${sha256 ? 1 : 0}\n\tbare = false\n${sha256 ? '[extensions]\n\tobjectformat = sha256\n' : ''}`,
    ),
    copyFile(join(repository.path, 'shallow'), join(dot, 'shallow')).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error // only a shallow repository has it
    }),
  ])
  // Large files that live elsewhere are not fetched: there is no remote to ask.
  await git(['reset', '--hard', '--quiet', commit], { cwd: tree, signal, timeout: 600_000, env: { GIT_LFS_SKIP_SMUDGE: '1' } })
}

function judge(
  result: ProcessResult,
  check: { name: string; ci: CheckCommand; commit: string; tree: string; outputFile: string },
): CheckResult {
  const { name, ci, commit } = check
  if (result.aborted) throw aborted(commit)
  if (result.timedOut) throw environment(`${name}.command did not end within ${ci.timeout} ms`, result)
  if (result.exitCode === 126) throw environment(`${name}.command cannot be executed (exit status 126)`, result)
  if (result.exitCode === 127) throw environment(`${name}.command, or a command in it, was not found (exit status 127)`, result)
  // Nobody but the system (out of memory) or an administrator sends this one.
  if (result.signal === 'SIGKILL') throw environment(`${name}.command was killed (SIGKILL)`, result)
  if (result.exitCode === 0) return { state: 'passed', failures: [] }
  const ending = result.exitCode === null ? `was ended by ${result.signal}` : `ended with exit status ${result.exitCode}`
  const url = pathToFileURL(check.outputFile).href
  return { state: 'failed', failures: [toFailure({ name, ending, output: result.stdout, folder: check.tree, url })] }
}

function environment(what: string, { stdout }: ProcessResult): FatalError {
  const last = stdout.trimEnd().split('\n').at(-1)?.trim().slice(0, 500) ?? ''
  return new FatalError('environment', last === '' ? `${what}.` : `${what}: ${last}`)
}

const aborted = (commit: string) => new RetryableError('check-aborted', `The check of ${commit} was ended before it had a result.`)

async function names(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
    throw error
  })
}
