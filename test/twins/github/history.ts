// The history of a repository in memory: commits never change, so that what git would walk for is known without a process.

import type { CommitInfo } from './state.ts'

export interface Commit {
  sha: string
  parents: readonly Commit[]
  /** Higher than that of every ancestor, whatever the clocks of their authors said. */
  generation: number
  at: number
}

/** How one commit stands to another. */
export interface Standing {
  /** The best common ancestor: the newest where there are several, as git chooses. */
  mergeBase: string | undefined
  /** What `head` has and `base` has not, in the order of `rev-list --topo-order`. */
  ahead: Commit[]
  behind: number
}

export class History {
  /** With a commit, all of its ancestors are here. */
  readonly #commits = new Map<string, Commit>()
  readonly #read: (name: string) => Promise<CommitInfo>

  /** `read` finds a commit by any name of it, and rejects where there is none. */
  constructor(read: (name: string) => Promise<CommitInfo>) {
    this.#read = read
  }

  async compare(base: string, head: string): Promise<Standing> {
    const [one, other] = await Promise.all([this.#find(base), this.#find(head)])
    const { best, ahead, behind } = walk(one, other)
    const [mergeBase] = best.toSorted((a, b) => b.at - a.at || (a.sha < b.sha ? -1 : 1))
    return { mergeBase: mergeBase?.sha, ahead: topological(other, ahead), behind }
  }

  /** A commit and its ancestors without those of another, in the order of `rev-list --topo-order`. */
  async since(base: string | undefined, head: string): Promise<Commit[]> {
    const [one, other] = await Promise.all([base === undefined ? undefined : this.#find(base), this.#find(head)])
    return topological(other, walk(one, other).ahead)
  }

  async isAncestor(old: string, now: string): Promise<boolean> {
    return (await this.compare(old, now)).behind === 0
  }

  async #find(name: string): Promise<Commit> {
    const known = this.#commits.get(name)
    if (known !== undefined) return known
    const found = new Map<string, CommitInfo>()
    let next = [name]
    let tip: string | undefined
    while (next.length > 0) {
      const infos = await Promise.all(next.map((each) => this.#read(each)))
      tip ??= infos[0]!.sha
      for (const info of infos) found.set(info.sha, info)
      const parents = new Set(infos.flatMap((info) => info.parents))
      next = [...parents].filter((each) => !found.has(each) && !this.#commits.has(each))
    }
    // Others may have found the same meanwhile; a commit is added after its parents, and once.
    const open = [tip!]
    while (open.length > 0) {
      const sha = open.at(-1)!
      const info = found.get(sha)
      const missing = this.#commits.has(sha) ? [] : info!.parents.filter((each) => !this.#commits.has(each))
      open.push(...missing)
      if (missing.length > 0) continue
      open.pop()
      if (!this.#commits.has(sha)) this.#add(info!)
    }
    return this.#commits.get(tip!)!
  }

  #add({ sha, parents, committer }: CommitInfo): void {
    const own = parents.map((each) => this.#commits.get(each)!)
    const generation = 1 + own.reduce((highest, each) => Math.max(highest, each.generation), 0)
    this.#commits.set(sha, { sha, parents: own, generation, at: committer.at })
  }
}

const [BASE, HEAD, PASSED] = [1, 2, 4]
const BOTH = BASE | HEAD

/**
 * Goes from both ends towards the roots, the highest generation first: all descendants of a commit have been seen before it, so that
 * it is known then from where it is reached. Ends where everything that is left is an ancestor of a common one.
 */
function walk(base: Commit | undefined, head: Commit): { best: Commit[]; ahead: Set<Commit>; behind: number } {
  const seen = new Map<Commit, number>()
  const queue: Commit[] = []
  const best: Commit[] = []
  const reach = (commit: Commit, from: number) => {
    const before = seen.get(commit)
    if (before === undefined) queue.push(commit)
    seen.set(commit, (before ?? 0) | from)
  }
  if (base !== undefined) reach(base, BASE)
  reach(head, HEAD)
  while (queue.some((commit) => (seen.get(commit)! & PASSED) === 0)) {
    const highest = queue.reduce((found, commit) => (commit.generation > found.generation ? commit : found))
    queue.splice(queue.indexOf(highest), 1)
    const from = seen.get(highest)!
    if (from === BOTH) best.push(highest)
    for (const parent of highest.parents) reach(parent, from === BOTH ? BOTH | PASSED : from)
  }
  const only = (from: number) => [...seen].filter(([, each]) => each === from).map(([commit]) => commit)
  return { best, ahead: new Set(only(HEAD)), behind: only(BASE).length }
}

/** In git's order: a commit after all of its children, and a line of commits in one piece, that of the last parent first. */
function topological(tip: Commit, among: ReadonlySet<Commit>): Commit[] {
  const parentsOf = ({ parents }: Commit) => parents.filter((parent) => among.has(parent))
  const children = new Map<Commit, number>()
  for (const parent of [...among].flatMap(parentsOf)) children.set(parent, (children.get(parent) ?? 0) + 1)
  const told: Commit[] = []
  const stack = among.has(tip) ? [tip] : []
  while (stack.length > 0) {
    const commit = stack.pop()!
    told.push(commit)
    for (const parent of parentsOf(commit)) {
      const left = children.get(parent)! - 1
      children.set(parent, left)
      if (left === 0) stack.push(parent)
    }
  }
  return told
}
