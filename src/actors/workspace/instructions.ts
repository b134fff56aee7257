// What the project tells its agents, as the base branch has it: a change does not instruct the agent that makes or reviews it.
//
// Nothing that an agent can write says what is read here: the base's texts come from the published repository, and files of the worktree
// are read as files, without the filters and programs that git could be told to run for them.

import { existsSync } from 'node:fs'
import { lstat, readFile, readlink } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { FatalError } from '../../errors.ts'
import { git } from '../git.ts'
import type { InstructionFile, InstructionFiles } from '../ports.ts'
import { readRefs } from '../read-refs.ts'
import { objectsOf } from './inspection.ts'

export interface Instructions extends InstructionFiles {
  /** The workflow file; null where the base has none. */
  workflow: { name: string; text: string } | null
}

export interface InstructionsRequest {
  project: string
  /** The project's base branch, also for a change that is based on another one. */
  base: string
  workflow: string | null
  /** The folder that the agent works in, or the commit that it will begin with. */
  at: { folder: string } | { commit: string }
}

/** The names by which agents look for instructions, in every folder that they come by. */
const names = ['AGENTS.md', 'AGENTS.override.md', 'CLAUDE.md', 'CLAUDE.local.md', 'GEMINI.md']
const rules = '.claude/rules/'
const isInstruction = (path: string): boolean => names.includes(posix.basename(path)) || (path.startsWith(rules) && path.endsWith('.md'))
/** Whether it counts for the whole repository. */
const isOfRoot = (path: string): boolean => !path.includes('/') || path === '.claude/CLAUDE.md' || path.startsWith(rules)

/** Files of each kind whose text is told; of a branch that has more of them the others are counted. */
const most = 50
/** Bytes of one file. */
const longest = 2 ** 20

/** `folder`: the data folder. Read-only. Throws FatalError `base-missing`, and as `git`. */
export const createInstructions =
  ({ folder }: { folder: string }) =>
  async ({ project, base, workflow, at }: InstructionsRequest): Promise<Instructions> => {
    const repository = join(folder, 'repos', `${project}.git`)
    const clone = join(folder, 'clones', `${project}.git`)
    const ref = `refs/heads/${base}`
    const head = (await readRefs(repository, [ref])).get(ref)
    if (head === undefined) throw new FatalError('base-missing', `The base branch ${base} of ${project} is not in ${repository}.`)
    const ofBase = createTree(repository, repository, head)
    // Commits that are not published are in the clone alone.
    const there = 'folder' in at ? createFolder(at.folder) : createTree(existsSync(clone) ? clone : repository, repository, at.commit)
    const text = workflow === null ? null : await ofBase.text(posix.normalize(workflow))
    return { workflow: text === null ? null : { name: workflow!, text }, ...(await compared(ofBase, there)) }
  }

/** Where files with instructions are looked for. */
interface Source {
  paths: () => Promise<string[]>
  /** What is stored under the path, of a link where it leads; null for nothing. */
  stored: (path: string) => Promise<string | null>
}

async function compared(base: Source & { text: (path: string) => Promise<string | null> }, there: Source): Promise<InstructionFiles> {
  const paths = new Set([...(await base.paths()), ...(await there.paths())])
  const root: InstructionFile[] = []
  const others: InstructionFile[] = []
  const nested: string[] = []
  const leftOut = { root: 0, changed: 0 }
  for (const path of [...paths].sort()) {
    const [before, now] = await Promise.all([base.stored(path), there.stored(path)])
    // Git may write other ends of lines into a worktree.
    const changed = before?.replaceAll('\r\n', '\n') !== now?.replaceAll('\r\n', '\n')
    const files = isOfRoot(path) ? root : others
    if (!changed && files === others && before !== null) nested.push(path)
    else if (!changed && before === null) continue
    else if (files.length < most) files.push({ path, text: await base.text(path), changed })
    else leftOut[files === root ? 'root' : 'changed'] += 1
  }
  return { root, changed: others, nested, leftOut }
}

/** A commit, in a repository that also reads the objects of another. */
function createTree(cwd: string, other: string, commit: string) {
  const ask = (args: readonly string[]) =>
    git(args, { cwd, env: { GIT_ALTERNATE_OBJECT_DIRECTORIES: objectsOf(other) }, allow: [0, 128], timeout: 120_000 })
  let known: Promise<Map<string, string>> | undefined
  /** The mode of each file. */
  const modes = (): Promise<Map<string, string>> =>
    (known ??= ask(['ls-tree', '-r', '-z', '--full-tree', commit]).then(({ exitCode, stdout }) => {
      if (exitCode !== 0) throw new FatalError('commit-missing', `The commit ${commit} is not in ${cwd}.`)
      const entries = stdout.split('\0').flatMap((entry) => {
        const [, mode, path] = /^(\d+) blob \w+\t([^]+)$/.exec(entry) ?? []
        return mode === undefined ? [] : [[path!, mode] as const]
      })
      return new Map(entries)
    }))
  const stored = async (path: string): Promise<string | null> => {
    // Most projects have few of them, and each question is a process.
    if (!(await modes()).has(path)) return null
    const { exitCode, stdout } = await ask(['cat-file', 'blob', `${commit}:${path}`])
    return exitCode === 0 ? stdout.slice(0, longest) : null
  }
  return {
    paths: async () => [...(await modes()).keys()].filter(isInstruction),
    stored,
    /** The same, of a link the text that it leads to. */
    text: async (path: string): Promise<string | null> => {
      const found = await stored(path)
      if (found === null || (await modes()).get(path) !== '120000') return found
      return (await stored(posix.join(posix.dirname(path), found.trim()))) ?? found
    },
  }
}

function createFolder(folder: string): Source {
  const stored = async (path: string): Promise<string | null> => {
    const file = join(folder, path)
    const stats = await lstat(file).catch(ignoreAbsent)
    if (stats?.isSymbolicLink()) return readlink(file)
    if (!stats?.isFile()) return null
    // Whatever is in a larger one, it is not the base's.
    return stats.size > longest ? `${stats.size} bytes` : readFile(file, 'utf8')
  }
  return {
    stored,
    async paths() {
      const globs = [...names.map((name) => `:(top,glob)**/${name}`), `:(top,glob)${rules}**/*.md`]
      const list = ['--no-optional-locks', 'ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...globs]
      const { stdout } = await git(list, { cwd: folder, timeout: 120_000 })
      // Those in the first folder also where git ignores them: it is where agents look first.
      return [...names, ...stdout.split('\0').filter((path) => path !== '')]
    },
  }
}

function ignoreAbsent(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
}
