// What Claude Code is permitted, by the sandbox mode of its options: the rules by which its `can_use_tool` requests are answered.

import { readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import type { SandboxMode } from '../talking.ts'
import { editTools, pathOf } from './items.ts'

export interface Rules {
  mode: SandboxMode
  worktree: string
  /** Folders beside the worktree that files may be written in: those of the turn. */
  writable: readonly string[]
  /** Whether the commands of the turn reach the network. */
  network: boolean
  /** Whether Claude's own sandbox stands around the commands of Bash. */
  isBashSandboxed: boolean
}

export interface Asked {
  tool: string
  input: Record<string, unknown>
}

export type Decision = { allowed: true } | { allowed: false; why: string }

const allowed: Decision = { allowed: true }
const refused = (why: string): Decision => ({ allowed: false, why })

/** They read, or stay within the agent; the other tools of Claude that ask are not for an agent that nobody watches. */
const harmless = [
  ...['Read', 'Glob', 'Grep', 'LS', 'NotebookRead', 'Task', 'Agent', 'Skill', 'ToolSearch', 'StructuredOutput', 'BashOutput', 'KillShell'],
  ...['TodoWrite', 'TaskCreate', 'TaskGet', 'TaskList', 'TaskUpdate', 'TaskOutput', 'TaskStop', 'Monitor', 'ReportFindings'],
]

const overNetwork = ['WebFetch', 'WebSearch', 'SandboxNetworkAccess']

/** They neither write nor start a program, but for what `isRisky` names. `git grep` starts a pager when it is told to. */
const readers = ['log', 'show', 'diff', 'status', 'blame', 'ls-files', 'ls-tree', 'rev-parse', 'merge-base', 'shortlog']

/** `--output=FILE`, which git takes shortened as well. */
const isRisky = (word: string): boolean => word.startsWith('--o') && word !== '--oneline'

/** One command, of plain words: nothing that a shell would take for more than that. */
function readsHistory(command: unknown): boolean {
  if (typeof command !== 'string' || !/^[\w ./:@^~=,%+-]+$/.test(command)) return false
  const [program, subcommand = '', ...words] = command.trim().split(/ +/)
  return program === 'git' && readers.includes(subcommand) && !words.some(isRisky)
}

/** Pure but for the links that it resolves. */
export function decide({ tool, input }: Asked, rules: Rules): Decision {
  const { mode, network, isBashSandboxed } = rules
  if (mode === 'danger-full-access') return allowed
  if (editTools.includes(tool))
    return mode === 'read-only' ? refused('Nothing may be changed in this turn.') : decideEdit(pathOf(input), rules)
  if (tool === 'Bash') {
    // Many commands that read, Claude does not ask for; for those of git in a worktree it does.
    if (mode === 'workspace-write' || isBashSandboxed || readsHistory(input['command'])) return allowed
    return refused(`Only commands that read may be run in this turn, one at a time: cat, grep, git ${readers.join(', git ')}.`)
  }
  if (overNetwork.includes(tool)) return network ? allowed : refused('This turn has no network.')
  // They come from a configuration that the operator has named in the command.
  if (tool.startsWith('mcp__')) return mode === 'read-only' ? refused('Nothing may be changed in this turn.') : allowed
  return harmless.includes(tool) ? allowed : refused(`${tool} is not offered here.`)
}

function decideEdit(path: string | null, { worktree, writable }: Rules): Decision {
  // A relative one would be taken from wherever the agent's shell is, and `~` for its home.
  if (path === null || !isAbsolute(path)) return refused('The path must be absolute.')
  const target = toReal(path)
  const root = toReal(worktree)
  if (isWithin(target, join(root, '.git'))) return refused("The worktree's link to its repository may not be changed.")
  if ([root, ...writable.map(toReal)].some((folder) => isWithin(target, folder))) return allowed
  return refused('Files may be written only in the worktree.')
}

const isWithin = (path: string, folder: string): boolean => {
  const way = relative(folder, path)
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way))
}

/** As the kernel follows them; a path with more of them leads nowhere. */
const longestChain = 40

/** Where writing to it would end up: links are resolved, those that lead to nothing yet as well. */
function toReal(path: string, links = 0): string {
  try {
    return realpathSync(path)
  } catch {
    const parent = dirname(path)
    if (parent === path || links > longestChain) return path
    const name = join(toReal(parent, links), basename(path))
    const link = linkAt(name)
    return link === null ? name : toReal(resolve(dirname(name), link), links + 1)
  }
}

function linkAt(path: string): string | null {
  try {
    return readlinkSync(path)
  } catch {
    return null // not there, or no link
  }
}
