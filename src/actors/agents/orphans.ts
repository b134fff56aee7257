// Owns the record of running process groups (D/processes/*.json) and the mark that everything we start carries, so that the
// next owner of the data folder can end what a dead one left running.

import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { endMarked, endProcessGroup, type ProcessIdentity } from '../process.ts'
import { endCgroup } from '../process/cgroup.ts'

export interface ProcessRecords {
  /** What every child process started for this data folder carries in its environment. */
  readonly environment: { SIGNALBOX_OWNER: string }
  /** Contract: the record is on disk when this returns. Call the answer when nothing of the process is left. Throws when it cannot be written. */
  add: (identity: ProcessIdentity, what: string, cgroup?: string) => () => void
}

/** A process that outlived its owner and has been ended. */
export interface Orphan extends ProcessIdentity {
  what: string
}

export interface EndedOrphans {
  groups: Orphan[]
  /** Processes beyond these groups that carried the data folder's mark. */
  marked: number
}

const record = z.object({
  pid: z.int().min(2),
  group: z.int().min(2),
  startTime: z.string().min(1),
  boot: z.string(),
  what: z.string(),
  /** The folder of its own cgroup. */
  cgroup: z.string().optional(),
})

const folderOf = (dataFolder: string): string => join(dataFolder, 'processes')

/** Start times count from the boot of the machine: after another boot they mean nothing. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return '' // not Linux: `ps` gives start times as dates, which no other boot repeats
  }
}

/** The same for every path by which the folder is reached. */
function ownerMark(dataFolder: string): string {
  let path = resolve(dataFolder)
  try {
    path = realpathSync(path)
  } catch {
    // It does not exist yet: then nothing was started for it either, and whoever creates it calls this again.
  }
  return createHash('sha256').update(path).digest('hex').slice(0, 32)
}

/** The records of the data folder, which is created when it is missing. */
export function createProcessRecords(dataFolder: string): ProcessRecords {
  const folder = folderOf(dataFolder)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const boot = bootId()
  return {
    environment: { SIGNALBOX_OWNER: ownerMark(dataFolder) },
    add: (identity, what, cgroup) => {
      const path = join(folder, `${identity.pid}-${identity.startTime.replace(/[^A-Za-z0-9]/g, '-')}.json`)
      // Not synced to the disk: a record that a power cut loses is of a process that it ended.
      writeFileSync(`${path}.new`, `${JSON.stringify({ ...identity, boot, what, cgroup })}\n`, { mode: 0o600 })
      renameSync(`${path}.new`, path)
      return () => rmSync(path, { force: true })
    },
  }
}

/**
 * Ends what a dead owner of the data folder left: the recorded groups whose leader is still the recorded process, then
 * everything with the folder's mark. To be called by the new owner before it starts anything. Never throws.
 */
export async function endOrphans(dataFolder: string, grace?: number): Promise<EndedOrphans> {
  const folder = folderOf(dataFolder)
  const left = recordFiles(folder).map((path) => ({ path, record: readRecord(path) }))
  const groups = await Promise.all(
    left.map(async ({ path, record }) => {
      const ended = record !== null && (await endProcessGroup(record.orphan, grace))
      rmSync(path, { force: true })
      return ended ? record.orphan : null
    }),
  )
  const marked = await endMarked('SIGNALBOX_OWNER', ownerMark(dataFolder), grace)
  await Promise.all(left.map(({ record }) => record?.cgroup && endCgroup(record.cgroup)))
  return { groups: groups.filter((orphan) => orphan !== null), marked }
}

function recordFiles(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name))
  } catch {
    return [] // nothing was ever recorded
  }
}

function readRecord(path: string): { orphan: Orphan; cgroup: string | undefined } | null {
  try {
    const { boot, cgroup, ...orphan } = record.parse(JSON.parse(readFileSync(path, 'utf8')))
    return boot === bootId() ? { orphan, cgroup } : null
  } catch {
    return null // half written by a process that was killed: its child was not reported started, and the mark finds it
  }
}
