// Who a process is and how processes are ended: by group, by recorded identity, or by a mark in their environment.
// A number alone is never trusted: process ids are reused, so a recorded one counts only with its start time.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'

export interface ProcessIdentity {
  pid: number
  group: number
  /** Field 22 of /proc/PID/stat (clock ticks since boot); elsewhere what `ps` prints. Only for comparing. */
  startTime: string
}

interface ProcessState extends ProcessIdentity {
  dead: boolean
}

/** Milliseconds between SIGTERM and SIGKILL. */
export const defaultGrace = 3_000

/** How long the kernel is given to carry out a SIGKILL before we stop waiting (a process in uninterruptible I/O). */
const killWait = 2_000

const hasProc = existsSync('/proc/self/stat')

function stateOf(pid: number): ProcessState | null {
  if (!hasProc) return stateFromPs(pid)
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return null // gone between the listing and the look
  }
  // The command's name is in parentheses and may hold spaces and parentheses itself: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { pid, group: Number(fields[2]), startTime: fields[19] ?? '', dead: fields[0] === 'Z' || fields[0] === 'X' }
}

function stateFromPs(pid: number): ProcessState | null {
  const { status, stdout } = spawnSync('ps', ['-o', 'stat=,pgid=,lstart=', '-p', String(pid)], { encoding: 'utf8', env: { LC_ALL: 'C' } })
  const match = status === 0 ? /^\s*(\S+)\s+(\d+)\s+(.+?)\s*$/.exec(stdout) : null
  return match ? { pid, group: Number(match[2]), startTime: match[3]!, dead: match[1]!.startsWith('Z') } : null
}

/** The identity of a process that is alive or not yet reaped, else null. */
export function identityOf(pid: number): ProcessIdentity | null {
  const state = stateOf(pid)
  return state && { pid: state.pid, group: state.group, startTime: state.startTime }
}

const processIds = (): number[] => (hasProc ? readdirSync('/proc').map(Number).filter(Number.isInteger) : [])

/** False when there is nothing (left) that the signal could reach. */
export function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  if (!Number.isSafeInteger(group) || group <= 1) return false // kill(-1) would reach every process of the user
  try {
    return process.kill(-group, signal)
  } catch {
    return false // ESRCH: nobody left. EPERM: nobody that we may end.
  }
}

function isGroupAlive(group: number): boolean {
  if (!signalGroup(group, 0)) return false
  // Where nobody reaps orphans (a container whose pid 1 does not wait) dead members stay in the group for ever.
  return !hasProc || processIds().some((pid) => isAliveIn(pid, group))
}

function isAliveIn(pid: number, group: number): boolean {
  const state = stateOf(pid)
  return state !== null && state.group === group && !state.dead
}

async function until(condition: () => boolean, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms
  for (let step = 2; !condition(); step = Math.min(50, step * 1.6)) {
    const left = deadline - performance.now()
    if (left <= 0) return false
    await pause(Math.min(step, left))
  }
  return true
}

/** SIGTERM to the whole group, SIGKILL after `grace` ms to what is left of it. Answers false when the group was empty. Never throws. */
export async function endGroup(group: number, grace: number = defaultGrace): Promise<boolean> {
  if (!isGroupAlive(group)) return false
  signalGroup(group, 'SIGTERM')
  if (await until(() => !isGroupAlive(group), grace)) return true
  signalGroup(group, 'SIGKILL')
  await until(() => !isGroupAlive(group), killWait)
  return true
}

/** Ends the group of a recorded process, only if that process is still the one recorded. Answers whether it was. Never throws. */
export async function endProcessGroup(identity: ProcessIdentity, grace: number = defaultGrace): Promise<boolean> {
  if (!isStill(identity)) return false
  await endGroup(identity.group, grace)
  return true
}

function isStill({ pid, group, startTime }: ProcessIdentity): boolean {
  const state = stateOf(pid)
  return state !== null && state.group === group && state.startTime === startTime
}

/**
 * Ends every process that was started with NAME=VALUE in its environment, whatever its group and session: the
 * grandchildren that left with `setsid`. Answers how many there were. Linux only, elsewhere 0. Never throws.
 * A process that was started with an emptied environment escapes it. `except` is a group that is ended by others.
 */
export async function endMarked(name: string, value: string, grace: number = defaultGrace, except?: number): Promise<number> {
  const ended = new Set<string>()
  // Again until a look finds none: a process may fork between the look and the signal.
  for (let round = 0; round < 10; round++) {
    const found = (await findMarked(`${name}=${value}`)).filter(({ group }) => group !== except)
    if (found.length === 0) break
    for (const process of found) {
      ended.add(`${process.pid} ${process.startTime}`)
      signalProcess(process, 'SIGTERM')
    }
    if (await until(() => found.every(isGone), round === 0 ? grace : 0)) continue
    for (const process of found) signalProcess(process, 'SIGKILL')
    await until(() => found.every(isGone), killWait)
  }
  return ended.size
}

async function findMarked(entry: string): Promise<ProcessIdentity[]> {
  const found: ProcessIdentity[] = []
  let looks = 0
  for (const pid of processIds()) {
    if (++looks % 64 === 0) await turn() // thousands of processes must not hold the event loop
    if (pid === process.pid || !environmentOf(pid).includes(`\0${entry}\0`)) continue
    const state = stateOf(pid)
    if (state && !state.dead) found.push({ pid, group: state.group, startTime: state.startTime })
  }
  return found
}

function environmentOf(pid: number): string {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'utf8')}\0`
  } catch {
    return '' // gone, or another user's: not ours to end
  }
}

function isGone(identity: ProcessIdentity): boolean {
  const state = stateOf(identity.pid)
  return state === null || state.dead || state.startTime !== identity.startTime
}

function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (isGone(identity)) return
  try {
    process.kill(identity.pid, signal)
  } catch {
    // It ended by itself a moment ago, or it is not ours to end: the next look decides.
  }
}
