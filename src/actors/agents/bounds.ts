// How much of the machine a turn may use: what the kernel holds each process to, and what is watched of all of them together.

import { statfsSync } from 'node:fs'
import { totalmem } from 'node:os'
import type { Cgroup } from '../process/cgroup.ts'
import { consumptionOf, most, type Consumption, type Counted } from '../process/consumption.ts'

export interface Bounds {
  /** Bytes of resident memory of all processes together; null: three quarters of the machine's. */
  memory: number | null
  /** Milliseconds of processor time for each process; null: none is set. */
  cpu: number | null
  /** Bytes of the largest file that may be written; null: none is set. */
  file: number | null
  /** Bytes that have to stay free where the worktree is; null: 256 MiB of a disk that has 10 GiB or more. */
  free: number | null
}

export const defaultBounds: Bounds = { memory: null, cpu: null, file: null, free: null }

export interface Exceeded {
  code: 'memory-exceeded' | 'disk-full'
  message: string
}

/** What a turn has used in all: its processor time and what it has written, and the most memory and processes that were seen at once. */
export type Consumed = Consumption

/** Shell words that set the limits which the kernel keeps (ulimit, POSIX and dash), for everything that follows them. No core files. */
export function limitWords({ cpu, file }: Bounds): string {
  const limits = ['ulimit -c 0']
  if (cpu !== null) limits.push(`ulimit -t ${Math.max(1, Math.ceil(cpu / 1_000))}`)
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
  const look = (age: number): void => {
    const now = consumptionOf(watched, age)
    consumed = most(consumed, now)
    if (exceeded !== null) return
    // The kernel knows better what they use, and ends them itself.
    if (now.memory > memory && !cgroup?.bounded) exceeded = overMemory(inMiB(now.memory), memory)
    else exceeded = judgeDisk(freeIn(folder), bounds.free)
    if (exceeded !== null) onExceeded()
  }
  const lookFrom = (pause: number): void => {
    look(pause / 2)
    timer = setTimeout(lookFrom, pause, Math.min(every, pause * 2))
  }
  lookFrom(Math.min(every, firstLook))
  return {
    look: () => look(0),
    consumed: () => most(consumed, cgroup?.consumption() ?? {}),
    exceeded: () => exceeded ?? (cgroup?.isOverMemory() ? overMemory('more', memory) : null),
    stop: () => clearTimeout(timer),
  }
}

const overMemory = (used: string, memory: number): Exceeded => ({
  code: 'memory-exceeded',
  message: `Its processes used ${used} of memory together and may use ${inMiB(memory)} (\`bounds.memory\` of the agent): they were ended.`,
})

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

const inMiB = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`
