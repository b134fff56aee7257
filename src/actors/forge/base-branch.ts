// The user's base branch: read, and moved by compare-and-swap. Nothing else writes to the user's repository.

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { git } from '../git.ts'
import { folderBranch } from './base-in-folder.ts'
import { urlBranch, type RemoteAccess } from './base-at-url.ts'
import type { RemotePushes } from './remote-pushes.ts'

export type BaseMove =
  | { kind: 'moved' }
  /** The branch has the commit already: a landing that a crash kept us from noting down. */
  | { kind: 'already' }
  | { kind: 'base_moved' }
  /** Nothing was changed; a human can clear the way, and the same move can be tried again. */
  | { kind: 'blocked'; reason: string; files: string[] }

export interface BaseBranch {
  readonly name: string
  readonly ref: string
  /** Where the user's configuration is read: the folder, or null for a URL. */
  readonly folder: string | null
  /** What git fetches from: the URL, or the absolute path of the git folder (`folder` may be below the top of the work tree). */
  source: () => Promise<string>
  /** git with what it needs to reach the source; nothing of that is ever in an argument, a configuration or an agent's environment. */
  git: RemoteAccess['git']
  /** Where it is at a URL: moves other refs there. */
  pushes: RemotePushes | null
  /** The branch's commit now. Throws ConfigurationError `repository-missing`, `not-a-repository`, `repository-empty`, `base-missing`. */
  head: () => Promise<string>
  /** Contract: moves the branch from exactly `from` to its descendant `to`, which the bare repository `source` has, or changes nothing. */
  move: (move: { source: string; from: string; to: string; note: string; identity: Record<string, string> }) => Promise<BaseMove>
}

/** Whether `repo` is a URL (or `host:path`) rather than a folder. */
export function isRemote(repo: string): boolean {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(repo)) return true
  return /^[^/\\:]{2,}:/.test(repo) && !existsSync(repo)
}

/** `access`: how a forge reaches its repository, where `repo` is not all that git needs. */
export function createBaseBranch(repo: string, name: string, access?: RemoteAccess): BaseBranch {
  if (access !== undefined) return urlBranch(access, name)
  return isRemote(repo) ? urlBranch({ url: () => repo, git }, name) : folderBranch(resolve(repo), name)
}
