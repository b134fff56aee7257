// A cgroup (v2) for the processes of a turn, where the system lets us make one: the kernel bounds and counts them, whatever they do, and
// ends them at once. Without the memory controller it only counts and ends.

import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Consumption } from './consumption.ts'

/** Where cgroups may be made. */
export interface CgroupParent {
  folder: string
  /** Whether those that are made there can bound memory. */
  memory: boolean
}

export interface Cgroup {
  folder: string
  /** Whether the kernel keeps the bound of memory. */
  bounded: boolean
  /** What its processes have used in all. */
  consumption: () => Partial<Consumption>
  /** Whether the kernel has ended it for its memory. */
  isOverMemory: () => boolean
}

const prefix = 'signalbox-'

/**
 * The cgroup that this process is in, if it may make others below: one that is delegated to its user (systemd: `Delegate=yes`), or any for
 * root. Only looks: `memory` says whether the controller is there to be handed down.
 */
export function ownCgroup(): CgroupParent | null {
  try {
    const [, path] = /^0::(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))!
    const [, root, mount] = /^\S+ \S+ \S+ (\S+) (\S+) .* - cgroup2 /m.exec(readFileSync('/proc/self/mountinfo', 'utf8'))!
    // In a container with a namespace of its own both begin there.
    if (root !== '/' && !`${path}/`.startsWith(`${root}/`)) return null
    const folder = join(mount!, root === '/' ? path! : path!.slice(root!.length))
    for (const file of ['', 'cgroup.procs', 'cgroup.subtree_control']) accessSync(join(folder, file), constants.W_OK)
    return { folder, memory: namesIn(folder, 'cgroup.controllers').includes('memory') }
  } catch {
    return null // not Linux, no v2, or not ours
  }
}

const namesIn = (folder: string, file: string): string[] => readFileSync(join(folder, file), 'utf8').split(/\s+/).filter(Boolean)

let found: CgroupParent | null | undefined

/** As `ownCgroup`, with the memory controller handed down where that can be. Asked of the system once. */
function parent(): CgroupParent | null {
  if (found !== undefined) return found
  const own = ownCgroup()
  return (found = own && { ...own, memory: own.memory && handMemoryDown(own.folder) })
}

/** The kernel hands controllers down only from a cgroup that holds no process itself, so we move out of it when we are alone there. */
function handMemoryDown(folder: string): boolean {
  const control = join(folder, 'cgroup.subtree_control')
  if (namesIn(folder, 'cgroup.subtree_control').includes('memory')) return true
  return tryWrite(control, '+memory') || (moveOut(folder) && tryWrite(control, '+memory'))
}

function moveOut(folder: string): boolean {
  const inside = namesIn(folder, 'cgroup.procs').map(Number)
  // The process that starts all others is our child, and there may be one already.
  if (!inside.every((pid) => pid === process.pid || parentOf(pid) === process.pid)) return false
  const leaf = join(folder, `${prefix}server`)
  try {
    mkdirSync(leaf, { recursive: true })
  } catch {
    return false
  }
  return inside.every((pid) => tryWrite(join(leaf, 'cgroup.procs'), String(pid)))
}

function parentOf(pid: number): number | null {
  try {
    return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])
  } catch {
    return null
  }
}

/** A new one, whose processes may use `memory` bytes together; null where none can be made. A process enters it by `enterWords`. */
export function createCgroup(name: string, memory: number): Cgroup | null {
  const above = parent()
  if (above === null) return null
  const folder = join(above.folder, `${prefix}${name}`)
  try {
    mkdirSync(folder)
  } catch {
    return null
  }
  const write = (file: string, text: string): boolean => tryWrite(join(folder, file), text)
  const bounded = above.memory && write('memory.max', String(Math.floor(memory)))
  if (bounded) {
    // Else they would go on slowly instead of ending, or one of them would end and the others not know why.
    write('memory.swap.max', '0')
    write('memory.oom.group', '1')
  }
  return {
    folder,
    bounded,
    consumption: () => {
      const cpu = numberIn(folder, 'cpu.stat', /^usage_usec (\d+)$/m)
      const peak = numberIn(folder, 'memory.peak', /^(\d+)$/m)
      return { ...(cpu === null ? {} : { cpu: cpu / 1_000 }), ...(peak === null ? {} : { memory: peak }) }
    },
    isOverMemory: () => (numberIn(folder, 'memory.events', /^oom_kill (\d+)$/m) ?? 0) > 0,
  }
}

function numberIn(folder: string, file: string, pattern: RegExp): number | null {
  try {
    const match = pattern.exec(readFileSync(join(folder, file), 'utf8'))
    return match === null ? null : Number(match[1])
  } catch {
    return null
  }
}

/** Words of a shell that enters the cgroup whose folder is named by `folder`, words too; where that is empty, or cannot be, it stays where it is. */
export const enterWords = (folder: string): string => `[ -z ${folder} ] || echo 0 2> /dev/null > ${folder}/cgroup.procs`

/** Ends what is in it and takes it away. Does nothing to what is no cgroup of ours. Never throws. */
export async function endCgroup(folder: string): Promise<void> {
  // Records say where one is, and whoever can write in the data folder can write one.
  if (!isOurs.test(folder) || !existsSync(join(folder, 'cgroup.procs'))) return
  for (let wait = 1; wait < 2_000 && existsSync(folder); wait *= 2) {
    try {
      remove(folder)
    } catch {
      // Something is in it still. Without `cgroup.kill` (before Linux 5.14) it is ended by others.
      tryWrite(join(folder, 'cgroup.kill'), '1')
      await pause(wait)
    }
  }
}

const isOurs = new RegExp(`/${prefix}[0-9a-f-]{36}$`)

/** With those that its processes have made below it. */
function remove(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) remove(join(folder, entry.name))
  rmdirSync(folder)
}

function tryWrite(path: string, text: string): boolean {
  try {
    writeFileSync(path, text)
    return true
  } catch {
    return false // this kernel does not have it, or it is gone
  }
}
