// One bare repository on disk: the git commands that the twin needs, with caches for what never changes (commits, comparisons).

import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { CommitInfo } from './state.ts'

const ENVIRONMENT = {
  PATH: process.env['PATH'],
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'GitHub',
  GIT_AUTHOR_EMAIL: 'noreply@github.com',
  GIT_COMMITTER_NAME: 'GitHub',
  GIT_COMMITTER_EMAIL: 'noreply@github.com',
}

export interface FileChange {
  filename: string
  previous: string | undefined
  status: 'added' | 'removed' | 'modified' | 'renamed'
  additions: number
  deletions: number
  sha: string
  patch: string
}

export interface Comparison {
  mergeBase: string | undefined
  ahead: string[]
  behind: number
  files: FileChange[]
}

export interface PersonAt {
  name: string
  email: string
  at: number
}

/** What a push brought: the commits, oldest first, and whether some were taken away. */
export interface Arrival {
  forced: boolean
  commits: { sha: string; added: string[]; removed: string[]; modified: string[] }[]
}

export class Git {
  readonly folder: string
  readonly #commits = new Map<string, CommitInfo>()
  readonly #comparisons = new Map<string, Promise<Comparison>>()
  readonly #merges = new Map<string, Promise<string | undefined>>()
  readonly #files = new Map<string, string | null>()
  #reader: ObjectReader | undefined

  constructor(folder: string) {
    this.folder = folder
  }

  /** Makes the repository on disk. */
  async init(defaultBranch: string): Promise<void> {
    await run(undefined, ['init', '-q', '--bare', `--initial-branch=${defaultBranch}`, this.folder])
    await this.run(['config', 'http.receivepack', 'true'])
    await this.run(['config', 'uploadpack.allowAnySHA1InWant', 'true'])
    await this.run(['config', 'gc.auto', '0'])
    await this.run(['config', 'receive.autogc', 'false'])
  }

  run(args: string[], options: RunOptions = {}): Promise<string> {
    return run(this.folder, args, options)
  }

  async commit(sha: string): Promise<CommitInfo> {
    const known = this.#commits.get(sha)
    if (known !== undefined) return known
    const text = await this.object(`${sha}^{commit}`)
    if (text === undefined) throw new Error(`${this.folder} has no commit ${sha}`)
    const info = parseCommit(sha, text.toString())
    this.#commits.set(sha, info)
    return info
  }

  /** The bytes of an object by any name of it, read by a process that stays. */
  object(name: string): Promise<Buffer | undefined> {
    this.#reader ??= new ObjectReader(this.folder, () => (this.#reader = undefined))
    return this.#reader.read(name)
  }

  /** A file of a commit at once: what a CI function reads with. */
  readFile(sha: string, path: string): string | null {
    const key = `${sha}:${path}`
    const known = this.#files.get(key)
    if (known !== undefined) return known
    const result = spawnSync('git', ['cat-file', 'blob', key], { cwd: this.folder, env: ENVIRONMENT, maxBuffer: 1 << 28 })
    const text = result.status === 0 ? result.stdout.toString() : null
    this.#files.set(key, text)
    return text
  }

  /** The full sha of a commit by any name of it. */
  async resolve(name: string): Promise<string | undefined> {
    if (name.startsWith('-')) return undefined
    const text = await this.run(['rev-parse', '-q', '--verify', `${name}^{commit}`], { accept: [1, 128] })
    return text.trim() === '' ? undefined : text.trim()
  }

  updateRef(ref: string, sha: string | undefined, old?: string): Promise<string> {
    return this.run(
      sha === undefined
        ? ['update-ref', '-d', ref, ...(old === undefined ? [] : [old])]
        : ['update-ref', ref, sha, ...(old === undefined ? [] : [old])],
    )
  }

  async refs(patterns: string[]): Promise<Map<string, string>> {
    const text = await this.run(['for-each-ref', '--format=%(objectname) %(refname)', ...patterns])
    return new Map(
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => [line.slice(41), line.slice(0, 40)]),
    )
  }

  compare(base: string, head: string): Promise<Comparison> {
    return remembered(this.#comparisons, `${base}...${head}`, async () => {
      const [mergeBase, sides] = await Promise.all([
        this.run(['merge-base', base, head], { accept: [1] }),
        this.run(['rev-list', '--left-right', '--reverse', '--topo-order', `${base}...${head}`]),
      ])
      const lines = sides.split('\n').filter((line) => line !== '')
      const ahead = lines.filter((line) => line.startsWith('>')).map((line) => line.slice(1))
      const from = mergeBase.trim() || undefined
      const files = ahead.length === 0 ? [] : await this.changes(from, head)
      return { mergeBase: from, ahead, behind: lines.length - ahead.length, files }
    })
  }

  async changes(from: string | undefined, to: string): Promise<FileChange[]> {
    const tree = from ?? '4b825dc642cb6eb9a060e54bf8d69288fbee4904'
    const text = await this.run(['diff', '--raw', '--numstat', '-p', '-M', '-z', '--no-abbrev', '--no-color', tree, to])
    return parseChanges(text)
  }

  /** The tree that merging gives, or undefined for a conflict. */
  mergeTree(base: string, head: string): Promise<string | undefined> {
    return remembered(this.#merges, `${base}...${head}`, async () => {
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

  /** The commits between two ends of a ref, told as a push tells them. */
  async arrival(old: string | undefined, now: string, known: string | undefined): Promise<Arrival> {
    const range =
      old === undefined
        ? [now, ...(known === undefined || known === now ? [] : [`^${known}`]), '--max-count=20']
        : ['--left-right', `${old}...${now}`]
    const text = await this.run(['log', '--reverse', '--topo-order', '--no-renames', '--name-status', '--format=%x01%m%H', ...range])
    const arrival: Arrival = { forced: false, commits: [] }
    for (const block of text.split('\u0001').slice(1)) {
      const [first, ...lines] = block.split('\n')
      if (first!.startsWith('<')) {
        arrival.forced = true
        continue
      }
      const commit = { sha: first!.slice(1), added: [] as string[], removed: [] as string[], modified: [] as string[] }
      for (const line of lines) {
        const [status, path] = line.split('\t')
        if (path === undefined) continue
        ;(status === 'A' ? commit.added : status === 'D' ? commit.removed : commit.modified).push(path)
      }
      arrival.commits.push(commit)
    }
    return arrival
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

  async isAncestor(old: string, now: string): Promise<boolean> {
    let is = true
    await this.run(['merge-base', '--is-ancestor', old, now], { accept: [1], onCode: (code) => (is = code === 0) })
    return is
  }

  close(): void {
    this.#reader?.close()
  }
}

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

interface RunOptions {
  input?: string
  env?: Record<string, string>
  /** Exit codes that are answers. */
  accept?: number[]
  onCode?: (code: number) => void
}

async function run(cwd: string | undefined, args: string[], options: RunOptions = {}): Promise<string> {
  const child = spawn('git', args, { cwd, env: { ...ENVIRONMENT, ...options.env }, stdio: ['pipe', 'pipe', 'pipe'] })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  // A child that ends before it has read everything tells by its exit code.
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => resolve(status ?? -1))
  })
  options.onCode?.(code)
  if (code !== 0 && !options.accept?.includes(code)) {
    throw new Error(`git ${args.join(' ')} ended with ${code}: ${Buffer.concat(err).toString().trim()}`)
  }
  return Buffer.concat(out).toString()
}

function parseCommit(sha: string, text: string): CommitInfo {
  const end = text.indexOf('\n\n')
  const info: CommitInfo = {
    sha,
    tree: '',
    parents: [],
    message: text.slice(end + 2).replace(/\n$/, ''),
    author: nobody(),
    committer: nobody(),
  }
  for (const line of text.slice(0, end).split('\n')) {
    const [key, ...rest] = line.split(' ')
    const value = rest.join(' ')
    if (key === 'tree') info.tree = value
    else if (key === 'parent') info.parents.push(value)
    else if (key === 'author' || key === 'committer') info[key] = parsePerson(value)
  }
  return info
}

const nobody = () => ({ name: '', email: '', at: 0 })

function parsePerson(text: string): PersonAt {
  const match = /^(.*) <(.*)> (\d+) [+-]\d+$/.exec(text)
  return match === null ? nobody() : { name: match[1]!, email: match[2]!, at: Number(match[3]) * 1000 }
}

function parseChanges(text: string): FileChange[] {
  const files: FileChange[] = []
  // With -z, raw entries come first, then the numbers, then a zero byte and the patches.
  const parts = text.split('\0')
  let index = 0
  const kinds = { A: 'added', D: 'removed', R: 'renamed' } as const
  while (parts[index]?.startsWith(':')) {
    const [, , oldSha, newSha, status] = parts[index]!.split(' ')
    const letter = status![0]!
    const renamed = letter === 'R'
    const first = parts[index + 1]!
    files.push({
      filename: renamed ? parts[index + 2]! : first,
      previous: renamed ? first : undefined,
      status: kinds[letter as 'A'] ?? 'modified',
      additions: 0,
      deletions: 0,
      sha: letter === 'D' ? oldSha! : newSha!,
      patch: '',
    })
    index += renamed ? 3 : 2
  }
  for (const file of files) {
    const [added, removed] = parts[index]!.split('\t')
    file.additions = Number(added) || 0
    file.deletions = Number(removed) || 0
    index += file.previous === undefined ? 1 : 3
  }
  const patches = parts
    .slice(index)
    .join('\0')
    .replace(/^\0/, '')
    .split(/^diff --git .*\n/m)
    .slice(1)
  files.forEach((file, i) => {
    const patch = patches[i] ?? ''
    const start = patch.search(/^@@ /m)
    file.patch = start === -1 ? '' : patch.slice(start).replace(/\n$/, '')
  })
  return files
}

/** `git cat-file --batch`: a question and an answer at a time, in order. */
class ObjectReader {
  readonly #child: ChildProcess
  #waiting: ((value: Buffer | undefined) => void)[] = []
  #buffer: Buffer = Buffer.alloc(0)

  constructor(folder: string, ended: () => void) {
    this.#child = spawn('git', ['cat-file', '--batch'], { cwd: folder, env: ENVIRONMENT, stdio: ['pipe', 'pipe', 'ignore'] })
    this.#child.stdin!.on('error', () => {})
    this.#child.stdout!.on('data', (chunk: Buffer) => this.#take(chunk))
    const end = () => {
      ended()
      for (const resolve of this.#waiting.splice(0)) resolve(undefined)
    }
    this.#child.on('error', end)
    this.#child.on('close', end)
  }

  read(name: string): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#child.stdin!.write(`${name}\n`)
    })
  }

  #take(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk])
    while (this.#waiting.length > 0) {
      const end = this.#buffer.indexOf(10)
      if (end === -1) return
      const header = this.#buffer.subarray(0, end).toString()
      const size = /^[0-9a-f]{40} \w+ (\d+)$/.exec(header)
      if (size === null) {
        this.#buffer = this.#buffer.subarray(end + 1)
        this.#waiting.shift()!(undefined)
        continue
      }
      const length = Number(size[1])
      if (this.#buffer.length < end + 1 + length + 1) return
      const body = Buffer.from(this.#buffer.subarray(end + 1, end + 1 + length))
      this.#buffer = this.#buffer.subarray(end + 2 + length)
      this.#waiting.shift()!(body)
    }
  }

  close(): void {
    this.#child.stdin!.end()
  }
}
