// What lies beside an agent's worktree and is not its own, compared before and after each turn: the clone that all worktrees of its project
// share, our own repository, and the user's. A sandbox keeps an agent out of them; where there is none, this finds out.

import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, isAbsolute, join, relative } from 'node:path'
import { FatalError } from '../../errors.ts'
import { git } from '../git.ts'
import { partsOf } from '../git-link.ts'
import type { Overstepped } from '../ports.ts'
import { readAllRefs } from '../read-refs.ts'
import { settingsIn, type Setting } from './clone.ts'
import { claimedKeys, gitEnvironment, type Place } from './place.ts'

export interface BoundaryOptions {
  now: () => number
  /** The git folder of the user's repository; null where it is not on this machine. */
  userRepository: (project: string) => Promise<string | null>
  /** Looks at our own repository, and answers every ref of it that was moved without us since then. */
  movedRefs: (project: string, since: number) => Promise<{ ref: string; expected: string | null; found: string | null }[]>
  /** What was taken out of the configuration of this clone since then. */
  takenOut: (clone: string, since: number) => Setting[]
}

/** A turn: whose worktree, and the branch that is its own; null for a reviewer, who has a repository apart. */
export interface Turn {
  place: Place
  branch: string | null
}

interface Before {
  at: number
  clone: Folder
  /** Work of all issues that was kept in the clone; one that an earlier version began has no list. */
  saved?: Record<string, string>
  /** How long the worktree's log of its HEAD was. */
  logged?: number
  user: (Folder & { path: string; hooks: Record<string, string> }) | null
}

interface Folder {
  head: string | null
  config: string
  heads: Record<string, string>
}

/** Commits of one turn that are looked for elsewhere. */
const countedCommits = 10_000

export function createBoundary({ now, userRepository, movedRefs, takenOut }: BoundaryOptions) {
  const turns = new Map<string, { turn: Turn; before: Before }>()
  /** When each branch of a clone was last at work on by us or by its own agent. */
  const used = new Map<string, number>()
  const bornAt = now()

  const idOf = ({ project, key }: Place): string => `${project}/${key}`
  const refOf = ({ place, branch }: Turn): string => `${place.clone} refs/heads/${branch}`
  const use = (turn: Turn): void => void used.set(refOf(turn), now())

  /**
   * To be called before an agent's process starts. Answers what a turn that a kill of this server has cut off had overstepped; null
   * mostly.
   */
  async function begin(turn: Turn): Promise<Overstepped | null> {
    const left = recorded(turn.place)
    const found = left === null ? null : await compare(turn, left)
    const path = await userRepository(turn.place.project)
    const before: Before = {
      at: now(),
      clone: await lookInto(turn.place.clone),
      saved: await savedIn(turn.place.clone),
      logged: (read(logOf(turn.place)) ?? '').length,
      user: path === null ? null : { path, ...(await lookInto(path)), hooks: hooksIn(path) },
    }
    turns.set(idOf(turn.place), { turn, before })
    use(turn)
    record(turn.place, before)
    return found
  }

  /** To be called when no process of the agent is left; again where it throws. */
  async function end(turn: Turn): Promise<Overstepped> {
    const known = turns.get(idOf(turn.place))
    const found = known === undefined ? nothing : await compare(turn, known.before)
    use(turn)
    turns.delete(idOf(turn.place))
    forget(turn)
    return found
  }

  /** No turn of the issue is to be compared any more. */
  const forget = ({ place }: Turn): void => rmSync(recordOf(place), { force: true })

  async function compare(turn: Turn, before: Before): Promise<Overstepped> {
    const { place } = turn
    const found: Overstepped = { certain: [], doubtful: [], beside: othersAt(turn) }
    const after = await lookInto(place.clone)
    for (const { ref, expected, found: to } of await movedRefs(place.project, before.at)) {
      found.certain.push({ what: `${ref} of our own repository`, from: expected, to })
    }
    if (after.head !== before.clone.head) {
      found.certain.push({ what: 'HEAD of the clone', from: before.clone.head?.trim() ?? null, to: after.head?.trim() ?? null })
    }
    const parts = partsOf(place.path)
    // A reviewer has not been in it.
    if ('redirects' in parts && parts.redirects && turn.branch !== null) {
      found.certain.push({ what: 'what says to git which repository the worktree belongs to', from: null, to: null })
    }
    const own = 'own' in parts && parts.clone === place.clone ? parts.own : null
    const isGrave = graveIn(place.path)
    // What another issue's verification has put right meanwhile was there all the same.
    const set = [...(await newSettings(before.clone.config, after.config)), ...takenOut(place.clone, before.at)].filter(isGrave)
    for (const [name, to] of new Map(set)) found.certain.push({ what: `the setting ${name} of the clone`, from: null, to })

    let theirs: Promise<Set<string>> | undefined
    const made = (): Promise<Set<string>> => (theirs ??= commitsOf(turn, own, before))
    const isOthers = othersBeside(turn)
    for (const ref of new Set([...Object.keys(before.clone.heads), ...Object.keys(after.heads).filter(isOthers)])) {
      const [from, to] = [before.clone.heads[ref] ?? null, after.heads[ref] ?? null]
      if (to === from || isUsed(turn, ref, before.at)) continue
      const isOwn = to !== null && (await made()).has(to)
      // Who moved what before this process is not known: others have a right to theirs, but not to what the turn alone has made.
      if (!isOwn && before.at < bornAt) continue
      found[isOwn ? 'certain' : 'doubtful'].push({ what: `${ref} of the clone`, from, to })
    }
    const saved = await savedIn(place.clone)
    for (const [ref, from] of Object.entries(before.saved ?? {})) {
      // We only ever add to it.
      if (saved[ref] !== from) found.doubtful.push({ what: `${ref} of the clone`, from, to: saved[ref] ?? null })
    }
    if (before.user !== null) {
      const { path } = before.user
      await compareUser(before.user, found, made, isGrave).catch((error: unknown) => {
        if (!(error instanceof FatalError)) throw error
        found.doubtful.push({ what: `${path}, which cannot be read any more`, from: null, to: null })
      })
    }
    return found
  }

  /** A user works in it at the same time: certain is only what has the commits that the turn has made. */
  async function compareUser(
    before: NonNullable<Before['user']>,
    found: Overstepped,
    made: () => Promise<Set<string>>,
    isGrave: (setting: Setting) => boolean,
  ): Promise<void> {
    const { path } = before
    const after = await lookInto(path)
    for (const [ref, to] of Object.entries(after.heads)) {
      const from = before.heads[ref] ?? null
      if (to === from || (await made()).size === 0) continue
      const { stdout } = await git(['rev-list', `--max-count=${countedCommits}`, to, ...(from === null ? [] : [`^${from}`])], {
        cwd: path,
        allow: [0, 128],
      })
      const commits = await made()
      if (!stdout.split('\n').some((commit) => commits.has(commit))) continue
      // A branch that was not there may be how a person looks at the work.
      found[from === null ? 'doubtful' : 'certain'].push({ what: `${ref} of ${path}`, from, to })
    }
    for (const [name, to] of (await newSettings(before.config, after.config)).filter(isGrave)) {
      found.doubtful.push({ what: `the setting ${name} of ${path}`, from: null, to })
    }
    for (const [name, stamp] of Object.entries(hooksIn(path))) {
      if (before.hooks[name] !== stamp) found.doubtful.push({ what: `hooks/${name} of ${path}`, from: null, to: null })
    }
  }

  /** Whether somebody had a right to move it since then, as far as is known. */
  const isUsed = (turn: Turn, ref: string, since: number): boolean =>
    `refs/heads/${turn.branch}` === ref ||
    (used.get(`${turn.place.clone} ${ref}`) ?? -Infinity) >= since ||
    [...turns.values()].some(({ turn: other }) => refOf(other) === `${turn.place.clone} ${ref}`)

  /** The issues whose agents are at work on the same clone: what was found may be of any of them. */
  const othersAt = ({ place }: Turn): string[] =>
    [...turns.values()].flatMap(({ turn: { place: other } }) => (other.clone === place.clone && other.key !== place.key ? [other.key] : []))

  return { begin, end, use, forget }
}

const nothing: Overstepped = { certain: [], doubtful: [], beside: [] }

async function lookInto(folder: string): Promise<Folder> {
  const heads = await readAllRefs(folder)
  return { head: read(join(folder, 'HEAD')), config: read(join(folder, 'config')) ?? '', heads: Object.fromEntries(heads) }
}

const savedIn = async (clone: string): Promise<Record<string, string>> =>
  Object.fromEntries(await readAllRefs(clone, 'refs/signalbox/saved'))

/**
 * Tells which branches have the name of another issue's: that of this one or of one that has been at work here, with another number. Other
 * new ones are how an agent works.
 */
function othersBeside({ place, branch }: Turn): (ref: string) => boolean {
  if (branch === null) return () => false
  const folder = `refs/heads/${dirname(branch)}/`
  const teams = new Set([place.key, ...claimedKeys(place)].map((key) => key.replace(/\d+$/, '').toLowerCase()))
  const own = place.key.toLowerCase()
  return (ref) => {
    if (!ref.startsWith(folder)) return false
    const name = ref.slice(folder.length).toLowerCase()
    const isOwn = name === own || name.startsWith(`${own}-`)
    return !isOwn && [...teams].some((team) => name.startsWith(team) && /^\d+(?:-[^/]*)?$/.test(name.slice(team.length)))
  }
}

async function newSettings(before: string, after: string): Promise<Setting[]> {
  if (before === after) return []
  const known = new Set((await settingsIn(before))?.map(([name, value]) => `${name}\n${value}`))
  return ((await settingsIn(after)) ?? []).filter(([name, value]) => !known.has(`${name}\n${value}`))
}

/** Where git sends things to, and what it asks for a secret. */
const redirections = [
  /^core\.(?:sshcommand|gitproxy|askpass|worktree|alternaterefscommand)$/,
  /^remote\.origin\.(?:url|pushurl|proxy|receivepack|uploadpack)$/,
  /^(?:credential(?:\..*)?\.helper|url\..*\.pushinsteadof)$/,
]

/**
 * Tells which settings nobody makes by the way. Tools write a good deal into the configuration of a repository when dependencies are
 * installed (hooks, filters, merge drivers, a name): that is put right before anybody else works there, and is no escape.
 */
const graveIn =
  (worktree: string) =>
  ([name, value]: Setting): boolean => {
    if (name === 'core.fsmonitor') return !/^(?:true|false|yes|no|on|off|1|0)?$/i.test(value)
    if (name === 'core.hookspath' || /^include(?:if\..*)?\.path$/.test(name)) return isAbsolute(value) && leaves(worktree, value)
    return redirections.some((pattern) => pattern.test(name))
  }

const leaves = (folder: string, path: string): boolean => {
  const way = relative(folder, path)
  return way === '..' || way.startsWith('../')
}

const logOf = ({ path }: Place): string => {
  const parts = partsOf(path)
  return 'own' in parts ? join(parts.own, 'logs/HEAD') : ''
}

/**
 * What the turn has committed and is not published: by its worktree, or where that is none any more by its branch. Also what it has put
 * another commit in the place of. What is published our own repository knows; the clone's word of it an agent can write.
 */
async function commitsOf({ place, branch }: Turn, own: string | null, { clone, ...before }: Before): Promise<Set<string>> {
  if (branch === null) return new Set()
  const there = own === null ? { cwd: place.clone } : { cwd: place.path, env: gitEnvironment(place, own) }
  const log = own === null || before.logged === undefined ? '' : (read(join(own, 'logs/HEAD')) ?? '').slice(before.logged)
  const logged = [...log.matchAll(/^[0-9a-f]+ ([0-9a-f]{40,64}) /gm)].map(([, to]) => to!)
  const ours = [own === null ? `refs/heads/${branch}` : 'HEAD', ...logged]
  const others = [...Object.values(clone.heads), ...(await readAllRefs(place.repository)).values()]
  // A ref may lead to nothing: of somebody else's making, and no reason to see nothing.
  const known = async (names: readonly string[]): Promise<string[]> => {
    const { stdout } = await git(['cat-file', '--batch-check=%(objectname) %(objecttype)'], {
      ...there,
      input: [...new Set(names)].map((name) => `${name}\n`).join(''),
    })
    return stdout.split('\n').flatMap((line) => (line.endsWith(' commit') ? [line.split(' ')[0]!] : []))
  }
  const [mine, theirs] = [await known(ours), await known(others)]
  if (mine.length === 0) return new Set()
  const { exitCode, stdout } = await git(['rev-list', `--max-count=${countedCommits}`, '--stdin'], {
    ...there,
    input: [...mine, ...theirs.map((sha) => `^${sha}`)].map((line) => `${line}\n`).join(''),
    allow: [0, 128], // a history with a hole, whoever made it: nothing is certain then
  })
  return new Set(exitCode === 0 ? stdout.split('\n').filter((line) => line !== '') : [])
}

/** Each hook with its size and time. */
function hooksIn(repository: string): Record<string, string> {
  try {
    const folder = join(repository, 'hooks')
    const names = readdirSync(folder).filter((name) => !name.endsWith('.sample'))
    return Object.fromEntries(
      names.map((name) => {
        const { size, mtimeMs } = statSync(join(folder, name))
        return [name, `${size} ${mtimeMs}`]
      }),
    )
  } catch {
    return {} // there is no such folder
  }
}

// --- what outlives a kill --------------------------------------------------------------------------

const recordOf = ({ root, key }: Place): string => join(root, `.turn-${key}.json`)

function record(place: Place, before: Before): void {
  mkdirSync(dirname(recordOf(place)), { recursive: true })
  writeFileSync(recordOf(place), JSON.stringify(before), { mode: 0o600 })
}

function recorded(place: Place): Before | null {
  try {
    return JSON.parse(readFileSync(recordOf(place), 'utf8')) as Before
  } catch {
    return null // none, or cut off while it was written: then no agent had begun
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
