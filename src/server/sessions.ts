// The inspector's sessions and one-time links: random ids, known only in memory, each with an end.

import { createHash, randomBytes } from 'node:crypto'

const minute = 60_000
const linkLife = 5 * minute
const idleLife = 12 * 60 * minute
const fullLife = 7 * 24 * 60 * minute
const kept = 100

export interface Sessions {
  /** A secret that opens one session, once, within five minutes. */
  createLink(): { secret: string; expiresAt: number }
  /** Uses a link up; undefined when it is unknown, used or too old. */
  redeem(secret: string): { id: string; expiresAt: number } | undefined
  open(): { id: string; expiresAt: number }
  /** Also keeps the session from ending idle. */
  isOpen(id: string): boolean
  end(id: string): void
  /** Called with the id of a session that someone ended. */
  onEnd(listener: (id: string) => void): void
}

interface Session {
  idleUntil: number
  until: number
}

/** `now` is epoch ms. At most a hundred links and sessions are kept; the oldest makes room. */
export function createSessions(now: () => number): Sessions {
  // Looked up by digest: how long a lookup takes says nothing about the ids that exist.
  const links = new Map<string, number>()
  const sessions = new Map<string, Session>()
  const listeners: ((id: string) => void)[] = []

  function open() {
    const id = randomBytes(32).toString('base64url')
    const until = now() + fullLife
    sessions.set(digest(id), { idleUntil: now() + idleLife, until })
    dropOldest(sessions)
    return { id, expiresAt: until }
  }

  return {
    createLink() {
      const secret = randomBytes(32).toString('base64url')
      const expiresAt = now() + linkLife
      links.set(digest(secret), expiresAt)
      dropOldest(links)
      return { secret, expiresAt }
    },
    redeem(secret) {
      const key = digest(secret)
      const expiresAt = links.get(key)
      links.delete(key)
      return expiresAt !== undefined && now() < expiresAt ? open() : undefined
    },
    open,
    isOpen(id) {
      const key = digest(id)
      const session = sessions.get(key)
      if (session === undefined) return false
      if (now() >= Math.min(session.idleUntil, session.until)) {
        sessions.delete(key)
        return false
      }
      session.idleUntil = now() + idleLife
      return true
    },
    end(id) {
      sessions.delete(digest(id))
      for (const listener of listeners) listener(id)
    },
    onEnd(listener) {
      listeners.push(listener)
    },
  }
}

function digest(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

function dropOldest(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    if (map.size <= kept) return
    map.delete(key)
  }
}
