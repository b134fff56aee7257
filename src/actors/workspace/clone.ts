// Owns D/clones/PROJECT.git, the bare clone that the worktrees belong to: made on first use, mended when damaged, brought up to
// date from D/repos/PROJECT.git, whose objects it reads where they are. Nothing can be pushed by its remote's name.

import { appendFile, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { existsSync, lstatSync, readdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { ConfigurationError } from '../../errors.ts'
import { git } from '../git.ts'
import { createInTurn } from '../in-turn.ts'
import { readRefs } from '../read-refs.ts'
import type { Place } from './place.ts'

/** What `git push` answers with, since it is no repository: it tells an agent why. */
export const pushUrl = '/dev/null/pushing-is-disabled-because-signalbox-publishes-the-branch'

const copyTimeout = 900_000

/** Commits of the branches that matter for one issue. */
export interface Heads {
  /** The base branch, as published. */
  base: string
  /** The issue's branch in D/repos; null when it was never published. */
  published: string | null
  /** The issue's branch in our clone; null when there is none. */
  local: string | null
}

export interface Clones {
  /** Makes, mends and configures the clone. `identity`: GIT_AUTHOR_* and GIT_COMMITTER_* for commits in it. */
  ensure: (place: Place, identity: Record<string, string>) => Promise<void>
  /** The same of a clone that is there, after an agent has been at work. */
  clean: (place: Place, identity: Record<string, string>) => Promise<void>
  /** Brings the base and the issue's branch into the clone. */
  bring: (place: Place, base: string, branch: string) => Promise<Heads>
  /** After a prepare hook has run: what it has set in the clone stays there. Only the first time can it not have been an agent. */
  learn: (place: Place) => Promise<void>
  /** What others have set in the clone and was taken out, since then: the newest. */
  takenOut: (clone: string, since: number) => Setting[]
  /** Does nothing else with the clone meanwhile: git cannot make two worktrees at once. */
  alone: <T>(place: Place, work: () => Promise<T>) => Promise<T>
}

/** Of what was taken out of configurations. */
const longestList = 200

export function createClones(now: () => number = Date.now): Clones {
  const takenOut: { clone: string; at: number; setting: Setting }[] = []
  /** The text of each clone's configuration when it was last found right: agents can write to it. */
  const checked = new Map<string, string>()
  /** Settings and files of each clone that its project's hook has made. */
  const learned = new Map<string, ReadonlySet<string>>()
  /** One after the other for each clone: two fetches into one ref fail on its lock. */
  const inTurn = createInTurn()

  async function ensure({ repository, clone }: Place, identity: Record<string, string>): Promise<void> {
    if (!(await isRepository(repository))) {
      throw new ConfigurationError('repository-missing', `${repository} is not there: the project's repository was not taken over.`)
    }
    const wanted = configuration(repository, identity)
    if (!(await isRepository(clone))) await make(repository, clone, wanted)
    const head = join(clone, 'HEAD')
    // Without a readable HEAD git takes the folder for no repository. It names nothing that we use.
    const named = await readFile(head, 'utf8').catch(ignoreAbsent)
    if (!named?.startsWith('ref: refs/')) await writeFile(head, 'ref: refs/heads/none\n')
    await share(repository, clone)
    dropHalfMade(clone, checked.has(clone) ? 60_000 : 0)
    const made = learned.get(clone) ?? new Set()
    for (const file of foreignFiles(clone)) if (!made.has(file)) rmSync(join(clone, file), { recursive: true, force: true })
    const path = join(clone, 'config')
    const written = await readFile(path, 'utf8').catch(ignoreAbsent)
    const seen = `${JSON.stringify(wanted)}\n${written}`
    if (checked.get(clone) === seen) return
    await mend(repository, clone, wanted, made, (setting) => takenOut.push({ clone, at: now(), setting }))
    takenOut.splice(0, Math.max(0, takenOut.length - longestList))
    checked.set(clone, `${JSON.stringify(wanted)}\n${await readFile(path, 'utf8')}`)
  }

  async function learn({ clone }: Place): Promise<void> {
    if (learned.has(clone)) return
    learned.set(clone, new Set([...((await settingsOf(clone))?.keys() ?? []), ...foreignFiles(clone)]))
  }

  async function bring({ project, repository, clone }: Place, base: string, branch: string): Promise<Heads> {
    const refs = { base: `refs/heads/${base}`, branch: `refs/heads/${branch}` }
    const tracking = { base: `refs/remotes/origin/${base}`, branch: `refs/remotes/origin/${branch}` }
    const [there, here] = await Promise.all([
      readRefs(repository, [refs.base, refs.branch]),
      readRefs(clone, [tracking.base, tracking.branch, refs.branch]),
    ])
    const head = there.get(refs.base)
    if (head === undefined) {
      throw new ConfigurationError('base-missing', `The base branch ${base} of ${project} is not in ${repository}. Check baseBranch.`)
    }
    const published = there.get(refs.branch) ?? null
    const changes = [
      ...(here.get(tracking.base) === head ? [] : [`update ${tracking.base} ${head}\n`]),
      ...(published === null || here.get(tracking.branch) === published ? [] : [`update ${tracking.branch} ${published}\n`]),
      ...(published === null && here.has(tracking.branch) ? [`delete ${tracking.branch}\n`] : []),
    ]
    if (changes.length > 0) {
      // Only git itself brings over where a shallow history ends; every other commit can be read here already.
      if ([repository, clone].some((each) => existsSync(join(each, 'shallow')))) await fetchHeads(repository, clone, refs, published)
      await git(['update-ref', '--stdin'], { cwd: clone, input: changes.join('') })
    }
    return { base: head, published, local: here.get(refs.branch) ?? null }
  }

  return {
    ensure: (place, identity) => inTurn(place.clone, () => ensure(place, identity)),
    clean: (place, identity) =>
      inTurn(place.clone, async () => {
        if (await isRepository(place.clone)) await ensure(place, identity)
      }),
    learn: (place) => inTurn(place.clone, () => learn(place)),
    takenOut: (clone, since) => takenOut.flatMap((each) => (each.clone === clone && each.at >= since ? [each.setting] : [])),
    alone: (place, work) => inTurn(place.clone, work),
    bring: (place, base, branch) => inTurn(place.clone, () => bring(place, base, branch)),
  }
}

/** Lets the clone read the objects of the repository: nothing has to be copied for a worktree. By the shortest way, so that both can be moved. */
async function share(repository: string, clone: string): Promise<void> {
  const objects = await realpath(join(clone, 'objects'))
  const wanted = `${relative(objects, await realpath(join(repository, 'objects')))}\n`
  const file = join(objects, 'info', 'alternates')
  if ((await readFile(file, 'utf8').catch(ignoreAbsent)) === wanted) return
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, wanted)
}

async function fetchHeads(
  repository: string,
  clone: string,
  refs: { base: string; branch: string },
  published: string | null,
): Promise<void> {
  const options = ['--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', '--no-auto-maintenance', '--update-shallow']
  await git(['fetch', ...options, '--', repository, refs.base, ...(published === null ? [] : [refs.branch])], {
    cwd: clone,
    timeout: copyTimeout,
  })
}

/** By what cannot be made again; HEAD and the configuration can. */
async function isRepository(path: string): Promise<boolean> {
  const parts = await Promise.all(['objects', 'refs'].map((part) => stat(join(path, part)).catch(ignoreAbsent)))
  return parts.every((part) => part !== undefined)
}

function ignoreAbsent(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
}

/** Whole or not at all: made beside its place and then renamed. Its objects stay where they are, but those of a shallow repository. */
async function make(repository: string, clone: string, wanted: Configuration): Promise<void> {
  await mkdir(dirname(clone), { recursive: true, mode: 0o700 })
  // What an agent left of a clone may still have commits that were never published.
  if (lstatSync(clone, { throwIfNoEntry: false })) await rename(clone, freeName(clone))
  const fresh = `${clone}.${randomBytes(4).toString('hex')}.new`
  try {
    await git(
      ['clone', '--bare', '--shared', '--quiet', '--template=', '--config', `remote.origin.fetch=${fetchRefs}`, '--', repository, fresh],
      {
        cwd: dirname(clone),
        timeout: copyTimeout,
      },
    )
    // Local branches are those of issues, and start when a worktree does: a copy of the base would only grow old.
    const { stdout } = await git(['for-each-ref', '--format=delete %(refname)', 'refs/heads'], { cwd: fresh })
    await git(['update-ref', '--no-deref', '--stdin'], { cwd: fresh, input: stdout })
    await appendFile(join(fresh, 'config'), toText(wanted.filter(([section, name]) => !writtenByGit.includes(`${section}.${name}`))))
    await rename(fresh, clone)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
}

/**
 * Drops the registrations that a killed `git worktree add` left without their essentials: git would stumble over them in every
 * worktree. At the first look of this process nobody can be at work on one; later only an old one is left behind.
 */
function dropHalfMade(clone: string, age: number): void {
  const folder = join(clone, 'worktrees')
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const path = join(folder, name)
    const isWhole = ['commondir', 'gitdir', 'HEAD'].every((file) => (statSync(join(path, file), { throwIfNoEntry: false })?.size ?? 0) > 0)
    if (isWhole || existsSync(join(path, 'modules')) || Date.now() - statSync(path).mtimeMs < age) continue
    rmSync(path, { recursive: true, force: true })
  }
}

function freeName(clone: string): string {
  for (let n = 1; ; n++) {
    const path = clone.replace(/([^/]+)$/, `.damaged-$1-${n}`)
    if (!lstatSync(path, { throwIfNoEntry: false })) return path
  }
}

const fetchRefs = '+refs/heads/*:refs/remotes/origin/*'

type Configuration = [section: string, name: string, value: string][]

function configuration(repository: string, identity: Record<string, string>): Configuration {
  const { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME, GIT_COMMITTER_EMAIL } = identity
  const entries: [string, string, string | undefined][] = [
    ['core', 'bare', 'true'],
    ['remote.origin', 'url', repository],
    ['remote.origin', 'fetch', fetchRefs],
    ['remote.origin', 'pushurl', pushUrl],
    ['gc', 'auto', '0'],
    ['maintenance', 'auto', 'false'],
    // Our git never runs hooks; an agent's and a human's do, and those of the user's repository are not in a clone.
    ['user', 'name', name],
    ['user', 'email', email],
    ['committer', 'name', GIT_COMMITTER_NAME === name ? undefined : GIT_COMMITTER_NAME],
    ['committer', 'email', GIT_COMMITTER_EMAIL === email ? undefined : GIT_COMMITTER_EMAIL],
  ]
  return entries.filter((entry): entry is [string, string, string] => entry[2] !== undefined)
}

/** Given to `git clone`, or true of every clone: an appended one would be a second value. */
const writtenByGit = ['core.bare', 'remote.origin.url', 'remote.origin.fetch']

function toText(entries: Configuration): string {
  const quoted = (value: string): string => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
  return entries
    .map(([section, name, value]) => {
      const [first, second] = section.split('.')
      return `[${first}${second === undefined ? '' : ` "${second}"`}]\n\t${name} = ${quoted(value)}\n`
    })
    .join('')
}

export type Setting = [name: string, value: string]

/** The settings in the text of a configuration file, those of files that it includes apart; null when git cannot read it. */
export async function settingsIn(text: string): Promise<Setting[] | null> {
  const ask = ['config', '--null', '--no-includes', '--file', '-', '--list']
  const { exitCode, stdout } = await git(ask, { cwd: '/', input: text, allow: [0, 1, 3, 128] })
  if (exitCode !== 0) return null
  const entries = stdout.split('\0').filter((entry) => entry !== '')
  return entries.map((entry) => {
    const [name, ...value] = entry.split('\n')
    return [name!, value.join('\n')]
  })
}

/** The values of each name in a clone's configuration; null when git cannot read it. */
async function settingsOf(clone: string): Promise<Map<string, string[]> | null> {
  const text = await readFile(join(clone, 'config'), 'utf8').catch(ignoreAbsent)
  const settings = text === undefined ? null : await settingsIn(text)
  return settings && new Map([...Map.groupBy(settings, ([name]) => name)].map(([name, all]) => [name, all.map(([, value]) => value)]))
}

/** Files that change what git does in every worktree, none of which a clone of ours has. */
function foreignFiles(clone: string): string[] {
  const hooks = lstatSync(join(clone, 'hooks'), { throwIfNoEntry: false })?.isDirectory() ? readdirSync(join(clone, 'hooks')) : []
  const others = ['info/attributes', 'info/exclude', 'info/grafts', 'refs/replace'].filter((file) => existsSync(join(clone, file)))
  return [...hooks.map((name) => `hooks/${name}`), ...others]
}

/** What git must know of a repository before it reads anything in it, taken from a configuration that no agent writes. */
async function formatOf(repository: string): Promise<Configuration> {
  const isSha256 = /^\s*objectformat\s*=\s*"?sha256/im.test(await readFile(join(repository, 'config'), 'utf8'))
  if (!isSha256) return [['core', 'repositoryformatversion', '0']]
  return [
    ['core', 'repositoryformatversion', '1'],
    ['extensions', 'objectformat', 'sha256'],
  ]
}

/** Puts right what differs: the data folder was moved, the user's identity changed, or an agent wrote there. */
async function mend(
  repository: string,
  clone: string,
  wanted: Configuration,
  made: ReadonlySet<string>,
  note: (setting: Setting) => void,
): Promise<void> {
  const file = join(clone, 'config')
  const format = await formatOf(repository)
  const found = await settingsOf(clone)
  if (found === null) {
    // No git command works here until it can be read again; what else was in it can be looked up in the copy.
    await rename(file, `${file}.damaged`).catch(ignoreAbsent)
    await writeFile(file, toText([...format, ...wanted]))
    return
  }
  for (const [section, name, value] of [...format, ...wanted]) {
    const values = found.get(`${section}.${name}`) ?? []
    if (values.length === 1 && values[0] === value) continue
    for (const other of values) if (other !== value) note([`${section}.${name}`, other])
    await git(['config', '--file', file, '--replace-all', `${section}.${name}`, value], { cwd: dirname(clone) })
  }
  const ours = new Set([...format, ...wanted].map(([section, name]) => `${section}.${name}`))
  // What an agent has set for itself would be there in the worktrees of all others: programs that git runs, signatures, filters.
  const foreign = [...found.keys()].filter((name) => !ours.has(name) && !made.has(name) && !writtenAlways.test(name))
  for (const name of foreign) {
    for (const value of found.get(name)!) note([name, value])
    await git(['config', '--file', file, '--unset-all', name], { cwd: dirname(clone), allow: [0, 5] })
  }
}

/** What git itself writes into the configuration of every repository. */
const writtenAlways = /^core\.(repositoryformatversion|filemode|bare|symlinks|ignorecase|precomposeunicode|logallrefupdates)$/
