// Processes that Signalbox started for a data folder, found by the SIGNALBOX_* variables in their environment (Linux).

import { readdirSync, readFileSync } from 'node:fs'

/** Ids of the running processes with a SIGNALBOX_* variable that names something in `folder`; empty where there is no /proc. */
export function processesMarked(folder: string): number[] {
  return processIds().filter((pid) => environmentOf(pid).some((entry) => entry.startsWith('SIGNALBOX_') && isWithin(entry, folder)))
}

/** Ends them now, without waiting. */
export function endMarkedAtOnce(folder: string): void {
  for (const pid of processesMarked(folder)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // it ended by itself in between
    }
  }
}

function isWithin(entry: string, folder: string): boolean {
  const value = entry.slice(entry.indexOf('=') + 1)
  return value === folder || value.startsWith(`${folder}/`)
}

function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0 && pid !== process.pid)
  } catch {
    return [] // not Linux: nothing to look at
  }
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  } catch {
    return [] // it ended, or it is somebody else's
  }
}
