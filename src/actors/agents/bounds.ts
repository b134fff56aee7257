// How much of the machine a turn may use: what the kernel holds each process to, and what is watched of all of them together.

import { statfsSync } from 'node:fs'
import { totalmem } from 'node:os'
import type { Cgroup } from '../process/cgroup.ts'
import { consumptionOf, most, type Consumption, type Counted } from '../process/consumption.ts'

export interface Bounds {
  /** Bytes of resident memory of all processes together; null: three quarters of the machine's. */
  memory: number | null
  /** Milliseconds of processor time of all processes together, those that have ended too; null: none is set. */
  cpu: number | null
  /** Bytes of the largest file that each may write; null: none is set. What all files take together is held to `free`. */
  file: number | null
  /** Bytes that have to stay free where the worktree is; null: 256 MiB of a disk that has 10 GiB or more. */
  free: number | null
}

export const defaultBounds: Bounds = { memory: null, cpu: null, file: null, free: null }

export interface Exceeded {
  code: 'memory-exceeded' | 'cpu-exceeded' | 'disk-full'
  message: string
}

/** What a turn has used in all: its processor time and what it has written, and the most memory and processes that were seen at once. */
export type Consumed = Consumption

/**
 * Seconds that the kernel gives each process beyond what all of them may use: who watches them ends them first and can say why. Its own
 * bound is for what is used up between two looks, and for systems where nothing can be looked at.
 */
const beyond = 5

/** Shell words that set the limits which the kernel keeps (ulimit, POSIX and dash), for everything that follows them. No core files. */
export function limitWords({ cpu, file }: Bounds): string {
  const limits = ['ulimit -c 0']
  if (cpu !== null) limits.push(`ulimit -t ${Math.ceil(cpu / 1_000) + beyond}`)
  if (file !== null) limits.push(`ulimit -f ${Math.max(1, Math.ceil(file / 512))}`)
  return limits.join('; ')
}

/** The processes of a turn, and their cgroup where they have one. */
export interface Watched extends Counted {
  cgroup: Cgroup | null
}

export interface Watch {
  look: () => void
  consumed: () => Consumed
  exceeded: () => Exceeded | null
  stop: () => void
}

/** The bytes that the processes of a turn may use together. */
export const memoryOf = ({ memory }: Bounds): number => memory ?? totalmem() * 0.75

/** Milliseconds from the start to the first look; the pauses grow from there, so that a short turn is seen too. */
const firstLook = 50

/** Looks at the processes, at last every `every` ms, and calls `onExceeded` once when they use too much. */
export function watchBounds(watched: Watched, folder: string, bounds: Bounds, every: number, onExceeded: () => void): Watch {
  const { cgroup } = watched
  const memory = memoryOf(bounds)
  let consumed: Consumed = { processes: 0, memory: 0, cpu: 0 }
  let exceeded: Exceeded | null = null
  let timer: NodeJS.Timeout
  const used = (): Consumed => most(consumed, cgroup?.consumption() ?? {})
  const look = (age: number): void => {
    const now = consumptionOf(watched, age)
    consumed = most(consumed, now)
    if (exceeded !== null) return
    // The kernel knows better what they use, and ends them itself.
    if (now.memory > memory && !cgroup?.bounded) exceeded = overMemory(inMiB(now.memory), memory)
    else exceeded = judgeCpu(used(), bounds) ?? judgeDisk(freeIn(folder), bounds.free)
    if (exceeded !== null) onExceeded()
  }
  const lookFrom = (pause: number): void => {
    look(pause / 2)
    timer = setTimeout(lookFrom, pause, Math.min(every, pause * 2))
  }
  lookFrom(Math.min(every, firstLook))
  return {
    look: () => look(0),
    consumed: used,
    exceeded: () => exceeded ?? (cgroup?.isOverMemory() ? overMemory('more', memory) : null),
    stop: () => clearTimeout(timer),
  }
}

const overMemory = (used: string, memory: number): Exceeded => ({
  code: 'memory-exceeded',
  message: `Its processes used ${used} of memory together and may use ${inMiB(memory)} (\`bounds.memory\` of the agent): they were ended.`,
})

/** Whether the processes of a turn have used more processor time than they may together. */
export function judgeCpu({ cpu }: Consumed, bounds: Bounds): Exceeded | null {
  if (bounds.cpu === null || cpu < bounds.cpu) return null
  const message = `Its processes used ${inSeconds(cpu)} of processor time together and may use ${inSeconds(bounds.cpu)} (\`bounds.cpu\` of the agent): they were ended. Raise it if its work needs more.`
  return { code: 'cpu-exceeded', message }
}

function judgeDisk(disk: Disk | null, wanted: number | null): Exceeded | null {
  // On a small disk nothing is known of what is enough.
  const kept = wanted ?? (disk !== null && disk.size >= 10 * 2 ** 30 ? 256 * 2 ** 20 : 0)
  if (disk === null || disk.free >= kept) return null
  const message = `Only ${inMiB(disk.free)} are free where its worktree is, and ${inMiB(kept)} have to be (\`bounds.free\` of the agent): it was ended. Make room.`
  return { code: 'disk-full', message }
}

interface Disk {
  free: number
  size: number
}

function freeIn(folder: string): Disk | null {
  try {
    const { bavail, blocks, bsize } = statfsSync(folder)
    return { free: bavail * bsize, size: blocks * bsize }
  } catch {
    return null // the worktree is gone: that is found out elsewhere
  }
}

const inSeconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`
const inMiB = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`
