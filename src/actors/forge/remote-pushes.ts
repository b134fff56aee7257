// Pushes to a repository at a URL. What is asked for while a push is under way goes together by the next one: each push costs five
// processes here and a second or so at the other side, and in a rush every issue has four of them.

import { withoutCredentials } from '../../errors.ts'
import type { RemoteAccess } from './base-at-url.ts'

export interface RefUpdate {
  ref: string
  /** The commit that it becomes; null removes it. */
  to: string | null
  /** The commit that it has to be: null for a ref that must not be there, `any` for whatever it is. */
  lease: string | null | 'any'
}

export type Pushed =
  | { kind: 'moved' }
  /** It was that already. */
  | { kind: 'already' }
  /** It is not what it has to be, or somebody else was at it in the same moment: nothing was changed. */
  | { kind: 'stale' }
  /** `words`: what the other side has said about it. */
  | { kind: 'refused'; reason: string; words: string }
  /** The answer was lost on its way: it may be moved, or not. */
  | { kind: 'unanswered'; words: string }

export interface RemotePushes {
  /** Contract: the ref becomes `to` from exactly `lease`, or stays. `from` is the repository that has the commit. Throws as `git`. */
  push: (from: string, update: RefUpdate) => Promise<Pushed>
}

interface Asked {
  from: string
  update: RefUpdate
  resolve: (pushed: Pushed) => void
  reject: (error: unknown) => void
}

const pushTimeout = 600_000
/** So many go at once. */
const most = 32
/** Milliseconds that others wait for a push: one that is not answered must not hold up all issues of a repository. */
const patience = 2_000
const longestWords = 500
/** Somebody else was at the ref in the same moment. */
const racing = /cannot lock ref|failed to update ref/

export function createRemotePushes({ url, git }: RemoteAccess): RemotePushes {
  let waiting: Asked[] = []
  /** The push that others wait for. */
  let current: object | null = null

  /** Sends the updates by one push. */
  async function send(from: string, updates: readonly RefUpdate[]): Promise<Pushed[]> {
    const leases = updates.flatMap(({ ref, lease }) => (lease === 'any' ? [] : [`--force-with-lease=${ref}:${lease ?? ''}`]))
    const specs = updates.map(({ ref, to, lease }) => `${lease === 'any' && to !== null ? '+' : ''}${to ?? ''}:${ref}`)
    const { stdout, stderr } = await git(
      ['push', '--porcelain', '--no-follow-tags', '--recurse-submodules=no', ...leases, '--', url(), ...specs],
      { cwd: from, allow: [0, 1], timeout: pushTimeout },
    )
    const lines = stdout.split('\n')
    const words = [...stderr.matchAll(/^remote: (.*\S)\s*$/gm)].map(([, said]) => said!).join(' ')
    return updates.map(({ ref }) => {
      // Git names each ref with what became of it; without a word of it the answer was lost.
      const line = lines.find((each) => each.split('\t')[1]?.endsWith(`:${ref}`))
      if (line === undefined) return { kind: 'unanswered', words: withoutCredentials(stderr.slice(-longestWords)) }
      const reason = line.split('\t').at(-1)!.trim()
      if (line.startsWith('=')) return { kind: 'already' }
      if (!line.startsWith('!')) return { kind: 'moved' }
      if (reason.startsWith('[rejected]') || racing.test(reason)) return { kind: 'stale' }
      return { kind: 'refused', reason, words: words.slice(0, longestWords) }
    })
  }

  async function sendTogether(asked: readonly Asked[]): Promise<void> {
    const from = asked[0]!.from
    try {
      const pushed = await send(
        from,
        asked.map(({ update }) => update),
      )
      const isClear = (n: number): boolean => asked.length === 1 || !['refused', 'unanswered'].includes(pushed[n]!.kind)
      for (const [n, one] of asked.entries()) if (isClear(n)) one.resolve(pushed[n]!)
      // One that is refused, or that cannot be sent, may have taken others with it, and what was said is not about each of them.
      let isLost = false
      for (const [n, { update, resolve }] of asked.entries()) {
        if (isClear(n)) continue
        const found: Pushed = pushed[n]!.kind === 'unanswered' && isLost ? pushed[n]! : (await send(from, [update]))[0]!
        isLost ||= found.kind === 'unanswered'
        resolve(found)
      }
    } catch (error) {
      for (const { reject } of asked) reject(error)
    }
  }

  function next(): void {
    const [first] = waiting
    if (current !== null || first === undefined) return
    const together = waiting.filter(({ from }) => from === first.from).slice(0, most)
    waiting = waiting.filter((one) => !together.includes(one))
    const mine = (current = {})
    const go = (): void => {
      clearTimeout(timer)
      if (current !== mine) return
      current = null
      next()
    }
    const timer = setTimeout(go, patience).unref()
    void sendTogether(together).then(go)
  }

  return {
    push: (from, update) =>
      new Promise((resolve, reject) => {
        waiting.push({ from, update, resolve, reject })
        // Whoever asks for several in one breath has them sent together.
        queueMicrotask(next)
      }),
  }
}
