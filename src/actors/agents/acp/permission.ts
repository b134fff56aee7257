// What an agent may do that asks for it: answered by the sandbox mode of its configuration, since nobody is there to be asked.

import { lstatSync, realpathSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, sep } from 'node:path'
import type { SandboxMode } from '../talking.ts'
import type { Permission, ToolCall } from './messages.ts'

export interface Bounds {
  sandbox: SandboxMode
  /** Folders in which files may be changed: the worktree, and the turn's temporary folder. */
  folders: string[]
  network: boolean
  /** The agent runs its commands in a sandbox of its own, and asks only for what that one does not allow. */
  isSandboxed: boolean
}

export interface Decision {
  answer: 'allowed' | 'refused'
  /** The option that says so; null when the agent offers none, which is answered as cancelled. */
  option: string | null
}

const harmless = new Set(['read', 'search', 'think'])
const editing = new Set(['edit', 'delete', 'move'])

/** `call` is all that is known of the tool call. Looks at the file system, for real paths. */
export function decide(call: ToolCall, options: Permission['options'], bounds: Bounds): Decision {
  const find = (...kinds: string[]): string | null => {
    for (const kind of kinds) {
      const found = options.find((option) => option.kind === kind)
      if (found !== undefined) return found.optionId
    }
    return null
  }
  // What is allowed for good is not asked for again, with other paths: only where everything is allowed anyway.
  const allowing = bounds.sandbox === 'danger-full-access' ? find('allow_once', 'allow_always') : find('allow_once')
  if (isAllowed(call, bounds) && allowing !== null) return { answer: 'allowed', option: allowing }
  return { answer: 'refused', option: find('reject_once', 'reject_always') }
}

function isAllowed(call: ToolCall, { sandbox, folders, network, isSandboxed }: Bounds): boolean {
  if (sandbox === 'danger-full-access') return true
  const kind = call.kind ?? 'other'
  if (harmless.has(kind)) return !isSandboxed
  if (kind === 'fetch') return network
  if (sandbox === 'read-only' || kind === 'switch_mode') return false
  const paths = pathsOf(call)
  if (editing.has(kind)) return paths.length > 0 && paths.every((path) => isWithin(path, folders))
  // A command, or a tool that says nothing of itself: as free as a command is.
  return !isSandboxed && paths.every((path) => isWithin(path, folders))
}

export const pathsOf = ({ locations, content }: Pick<ToolCall, 'locations' | 'content'>): string[] => [
  ...new Set([...(locations ?? []), ...(content ?? []).filter(({ type }) => type === 'diff')].flatMap(({ path }) => path ?? [])),
]

/** By real paths: a link in the worktree may lead out of it. Git's own folder and link are nobody's to edit. */
export function isWithin(path: string, folders: string[]): boolean {
  const real = realOf(path)
  if (real === null || real.split(sep).includes('.git')) return false
  return folders.some((folder) => {
    const base = realOf(folder)
    return base !== null && real.startsWith(`${base}${sep}`)
  })
}

/** Of a file that need not be there yet; null where a link leads nowhere that is there, or the path is no absolute one. */
function realOf(path: string): string | null {
  try {
    return realpathSync(path)
  } catch {
    if (!isAbsolute(path) || dirname(path) === path || isLink(path)) return null
    const parent = realOf(dirname(path))
    return parent === null ? null : join(parent, basename(path))
  }
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink()
  } catch {
    return false // it is not there
  }
}
