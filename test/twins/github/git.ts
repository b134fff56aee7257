// One bare repository on disk: the git commands that the twin needs, with caches for what never changes (commits, comparisons).

import { spawnSync } from 'node:child_process'
import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseChanges, parseCommit, parseNames } from './git-output.ts'
import type { FileChange, FileNames, PersonAt } from './git-output.ts'
import { DifferenceReader, ENVIRONMENT, ObjectReader, runGit } from './git-process.ts'
import type { RunOptions } from './git-process.ts'
import { History } from './history.ts'
import type { CommitInfo } from './state.ts'

export interface Comparison {
  mergeBase: string | undefined
  /** Oldest first. */
  ahead: string[]
  behind: number
  files: FileChange[]
}

/** What a push brought: the commits, oldest first, and whether some were taken away. */
export interface Arrival {
  forced: boolean
  commits: ({ sha: string } & FileNames)[]
}

export class Git {
  readonly folder: string
  readonly history = new History((name) => this.commit(name))
  readonly #commits = new Map<string, CommitInfo>()
  /** Of files that a reader was asked for, at whatever commit. */
  readonly #paths = new Set<string>()
  readonly #comparisons = new Map<string, Promise<Comparison>>()
  readonly #merges = new Map<string, Promise<string | undefined>>()
  readonly #files = new Map<string, string | null>()
  #turn: Promise<unknown> = Promise.resolve()
  #pushes = 0
  readonly #objects: ObjectReader
  readonly #names: DifferenceReader
  readonly #changes: DifferenceReader

  constructor(folder: string) {
    this.folder = folder
    this.#objects = new ObjectReader(folder)
    this.#names = new DifferenceReader(folder, ['--root', '--no-renames', '--name-status'])
    this.#changes = new DifferenceReader(folder, ['--raw', '--numstat', '-p', '-M', '-z', '--no-abbrev', '--no-color'])
  }

  /** Makes the repository on disk; a fork shares the objects of its parent. */
  async init(defaultBranch: string, parent?: Git): Promise<void> {
    await runGit(undefined, ['init', '-q', '--bare', `--initial-branch=${defaultBranch}`, this.folder])
    await appendFile(join(this.folder, 'config'), parent === undefined ? CONFIG + NO_ALTERNATE_REFS : CONFIG)
    if (parent !== undefined) await writeFile(join(this.folder, 'objects/info/alternates'), `${join(parent.folder, 'objects')}\n`)
  }

  run(args: string[], options: RunOptions = {}): Promise<string> {
    return runGit(this.folder, args, options)
  }

  async commit(sha: string): Promise<CommitInfo> {
    const known = this.#commits.get(sha)
    if (known !== undefined) return known
    const found = await this.#objects.read(`${sha}^{commit}`)
    if (found === undefined) throw new Error(`${this.folder} has no commit ${sha}`)
    const info = parseCommit(found.sha, found.body.toString())
    this.#commits.set(sha, info)
    return info
  }

  /** The bytes of an object by any name of it, read by a process that stays. */
  async object(name: string): Promise<Buffer | undefined> {
    return (await this.#objects.read(name))?.body
  }

  /** A file of a commit at once. */
  readFile(sha: string, path: string): string | null {
    const key = `${sha}:${path}`
    const known = this.#files.get(key)
    if (known !== undefined) return known
    const result = spawnSync('git', ['cat-file', 'blob', key], { cwd: this.folder, env: ENVIRONMENT, maxBuffer: 1 << 28 })
    const text = result.status === 0 ? result.stdout.toString() : null
    this.#files.set(key, text)
    return text
  }

  /** A file of a commit, read by the process that stays. */
  async file(sha: string, path: string): Promise<string | null> {
    const key = `${sha}:${path}`
    const known = this.#files.get(key)
    if (known !== undefined) return known
    const found = await this.#objects.read(key)
    const text = found?.type === 'blob' ? found.body.toString() : null
    this.#files.set(key, text)
    return text
  }

  /** Reads files of a commit at once. Those that were asked for at others have been read before, by the process that stays. */
  async reader(sha: string): Promise<(path: string) => string | null> {
    await Promise.all([...this.#paths].map((path) => this.file(sha, path)))
    return (path) => {
      this.#paths.add(path)
      return this.readFile(sha, path)
    }
  }

  /** The full sha of a commit by any name of it. */
  async resolve(name: string): Promise<string | undefined> {
    if (name.startsWith('-') || /[\s\0]/.test(name)) return undefined
    return (await this.#objects.read(`${name}^{commit}`))?.sha
  }

  updateRef(ref: string, sha: string | undefined, old?: string): Promise<string> {
    return this.run(
      sha === undefined
        ? ['update-ref', '-d', ref, ...(old === undefined ? [] : [old])]
        : ['update-ref', ref, sha, ...(old === undefined ? [] : [old])],
    )
  }

  /**
   * Moves the ref of a pull request's head, which nobody pushes to. Git takes no file for a ref whose name ends in `.lock`, and sees
   * the old one or the new.
   */
  async movePullHead(number: number, sha: string): Promise<void> {
    const file = join(this.folder, `refs/pull/${number}/head`)
    const made = `${file}.${++written}.lock`
    await this.#inTurn(async () => {
      await mkdir(dirname(file), { recursive: true })
      await writeFile(made, `${sha}\n`)
      await rename(made, file)
    })
  }

  /** Git takes away the file of a ref that it has packed: not of one that has moved since. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => {})
    return turn
  }

  /** What refs are at now, as their files say; those that are not there are left out. */
  async at(refs: readonly string[]): Promise<Map<string, string>> {
    const read = async (name: string) => (await readFile(join(this.folder, name), 'utf8').catch(() => '')).trim()
    const loose = await Promise.all(refs.map(read))
    const isSha = (text: string | undefined): text is string => text !== undefined && /^[0-9a-f]{40}$/.test(text)
    // Git packs a ref before it removes its file.
    const packed = loose.every(isSha) ? '' : await read('packed-refs')
    const known = new Map(packed.split('\n').map((line) => [line.slice(41), line.slice(0, 40)]))
    return new Map(
      refs.flatMap((ref, n) =>
        [loose[n], known.get(ref)]
          .filter(isSha)
          .slice(0, 1)
          .map((sha) => [ref, sha] as const),
      ),
    )
  }

  /** Packs refs and objects from time to time, as a host does: else all that git does takes longer with each push. */
  async tend(): Promise<void> {
    this.#pushes += 1
    if (this.#pushes % packedAfter !== 0) return
    await this.#inTurn(() => this.run(['pack-refs', '--all']))
    await this.run(['repack', '-d', '-l', '-q'])
  }

  compare(base: string, head: string): Promise<Comparison> {
    return remembered(this.#comparisons, `${base}...${head}`, async () => {
      const { mergeBase, ahead, behind } = await this.history.compare(base, head)
      const files = ahead.length === 0 ? [] : await this.changes(mergeBase, head)
      return { mergeBase, ahead: ahead.map((commit) => commit.sha).toReversed(), behind, files }
    })
  }

  async changes(from: string | undefined, to: string): Promise<FileChange[]> {
    const [old, now] = await Promise.all([from === undefined ? EMPTY : this.#treeOf(from), this.#treeOf(to)])
    const pair = `${old} ${now}`
    const text = await this.#changes.read(pair)
    if (!text.startsWith(`${pair}\n`)) throw new Error(`${this.folder} has no trees ${pair}`)
    return parseChanges(text.slice(pair.length + 1))
  }

  async #treeOf(sha: string): Promise<string> {
    return (await this.commit(sha)).tree
  }

  /** The tree that merging gives: that of the one that has the other, or what git makes of both. Undefined for a conflict. */
  mergeTree(base: string, head: string): Promise<string | undefined> {
    return remembered(this.#merges, `${base}...${head}`, async () => {
      const { ahead, behind } = await this.history.compare(base, head)
      if (behind === 0 || ahead.length === 0) return this.#treeOf(behind === 0 ? head : base)
      // One that stays would do, were it not that `merge-tree --stdin` keeps its answers to itself until it ends.
      let conflict = false
      const text = await this.run(['merge-tree', '--write-tree', '--no-messages', base, head], {
        accept: [1],
        onCode: (code) => (conflict = code === 1),
      })
      return conflict ? undefined : text.split('\n')[0]
    })
  }

  async commitTree(tree: string, parents: string[], message: string, author: PersonAt): Promise<string> {
    const seconds = Math.floor(author.at / 1000)
    const env = {
      GIT_AUTHOR_NAME: author.name,
      GIT_AUTHOR_EMAIL: author.email,
      GIT_AUTHOR_DATE: `${seconds} +0000`,
      GIT_COMMITTER_DATE: `${seconds} +0000`,
    }
    const args = ['commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent])]
    return (await this.run(args, { input: message, env })).trim()
  }

  /** The newest twenty commits between two ends of a ref, told as a push tells them. */
  async arrival(old: string | undefined, now: string, known: string | undefined): Promise<Arrival> {
    // A new tag may be of something else than a commit.
    if (old === undefined && (await this.resolve(now)) === undefined) return { forced: false, commits: [] }
    const from = old ?? (known === now ? undefined : known)
    const brought = (await this.history.since(from, now)).slice(0, 20).toReversed()
    // A merge names no files.
    const named = brought.map(async ({ sha, parents }) => ({
      sha,
      ...parseNames(parents.length > 1 ? '' : await this.#names.read(sha)),
    }))
    return { forced: old !== undefined && !(await this.isAncestor(old, now)), commits: await Promise.all(named) }
  }

  /** A commit made of another's files with some replaced, written or (null) removed; no ref is moved. */
  async write(parent: string | undefined, files: Record<string, string | null>, message: string, author: PersonAt): Promise<string> {
    const who = `${author.name} <${author.email}> ${Math.floor(author.at / 1000)} +0000`
    const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`
    const ref = `refs/twin/${++written}`
    let input = `commit ${ref}\nmark :1\nauthor ${who}\ncommitter ${who}\n${data(message)}`
    if (parent !== undefined) input += `from ${parent}\n`
    for (const [path, text] of Object.entries(files)) {
      input += text === null ? `D ${path}\n` : `M 100644 inline ${path}\n${data(text)}`
    }
    // The commit is left without a ref: the caller decides whether a branch may move to it.
    input += `\nget-mark :1\nreset ${ref}\nfrom ${ZERO}\n\ndone\n`
    return (await this.run(['fast-import', '--quiet', '--done', '--force'], { input })).trim()
  }

  isAncestor(old: string, now: string): Promise<boolean> {
    return this.history.isAncestor(old, now)
  }

  close(): void {
    for (const process of [this.#objects, this.#names, this.#changes]) process.close()
  }
}

/** Who pushes is neither told of the refs of pull requests nor may move them, as at GitHub. */
const CONFIG = `[http]
	receivepack = true
[uploadpack]
	allowAnySHA1InWant = true
[gc]
	auto = 0
[receive]
	autogc = false
	hideRefs = refs/pull
`

/**
 * What is pushed is kept apart until it is checked, with the repository as its alternate, whose refs git asks another process for
 * although it knows them. A fork goes without this: its parent's refs are told to who pushes.
 */
const NO_ALTERNATE_REFS = `[core]
	alternateRefsCommand = true
`

/** So many pushes. */
const packedAfter = 64
const EMPTY = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'
const ZERO = '0'.repeat(40)
let written = 0

function remembered<T>(cache: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = cache.get(key)
  if (known !== undefined) return known
  if (cache.size > 5_000) cache.clear()
  const made = make()
  cache.set(key, made)
  made.catch(() => cache.delete(key))
  return made
}
