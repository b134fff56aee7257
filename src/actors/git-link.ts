// The files by which git finds the parts of a repository from each other. An agent can write them, also in a sandbox: they are read as git
// reads them or not at all, since what git finds there may name programs to run.

import { lstatSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'

/** Bytes: git writes a line. */
const longest = 65_536

/** The text of such a file; null for whatever is none: a pipe would never end. */
export function readLine(path: string): string | null {
  try {
    const stats = lstatSync(path)
    return stats.isFile() && stats.size <= longest ? readFileSync(path, 'utf8') : null
  } catch {
    return null // it is not there
  }
}

/** The real folder that the file `.git` of a worktree or a submodule leads to; null where there is none, or it is not as git writes it. */
export function gitLinkOf(folder: string): string | null {
  // All of the file counts for git, line breaks within it too.
  const named = /^gitdir: ([^\r\n\u2028\u2029]+)\n?$/.exec(readLine(join(folder, '.git')) ?? '')?.[1]
  // Links are followed one after the other, as the system does: `link/..` is not where it started.
  return named === undefined ? null : realPath(isAbsolute(named) ? named : `${folder}/${named}`)
}

/** Settings of one worktree alone that name no program. */
const plainSetting = /^(?:|\[(?:core|index)\]|(?:sparsecheckout|sparsecheckoutcone|sparse)\s?=\s?(?:true|false))$/i
const isPlain = (settings: string): boolean => settings.split('\n').every((line) => plainSetting.test(line.trim()))

export interface WorktreeParts {
  /** The worktree's own part of its clone (its HEAD, index and operations): a real path. */
  own: string
  clone: string
}

/** `redirects`: git would take its settings from elsewhere, which nobody does by mistake. */
export interface NoWorktree {
  /** Said after the path. */
  broken: string
  redirects: boolean
}

/** By the files of a worktree. A folder that is a clone of its own, or a worktree of a clone that does not know it, is none. */
export function partsOf(worktree: string): WorktreeParts | NoWorktree {
  const none = (broken: string, redirects = false): NoWorktree => ({ broken, redirects })
  const own = gitLinkOf(worktree)
  if (own === null) return none('/.git does not lead to our clone')
  if (registeredPath(own) !== join(realPath(worktree) ?? worktree, '.git')) return none(' is not registered as a worktree of our clone')
  const up = readLine(join(own, 'commondir'))
  if (up === null || !/^\.\.\/\.\.\n?$/.test(up)) return none(' is said to belong to another repository than our clone', true)
  const settings = join(own, 'config.worktree')
  const isThere = lstatSync(settings, { throwIfNoEntry: false }) !== undefined
  if (isThere && !isPlain(readLine(settings) ?? '?'))
    return none(' has settings of its own, which could name programs for git to run', true)
  return { own, clone: dirname(dirname(own)) }
}

/** The .git file that a worktree's own part of a clone says it belongs to; null when it says none. */
export function registeredPath(own: string): string | null {
  const written = readLine(join(own, 'gitdir'))?.trim()
  if (!written) return null
  const path = resolve(own, written)
  return join(realPath(dirname(path)) ?? dirname(path), '.git')
}

export function realPath(path: string): string | null {
  try {
    return realpathSync.native(path)
  } catch {
    return null
  }
}
