// Owns log.jsonl in the data folder: one JSON line each, rotated by size, old files removed by age.
// A log that cannot be written (a full disk) loses lines and never stops the server.

import { closeSync, fstatSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export interface LogFile {
  /** Appends one line, with its line break. */
  write: (line: string) => void
  close: () => void
}

export interface LogFileOptions {
  /** Milliseconds after which a rotated file is removed. */
  retention: number
  /** Bytes of one file. Default 16 MiB. */
  limit?: number
  /** Rotated files kept beside the present one. Default 5. */
  keep?: number
}

/** Opens `log.jsonl` in `folder`, readable by this user alone. */
export function openLogFile(folder: string, { retention, limit = 16 * 1024 * 1024, keep = 5 }: LogFileOptions): LogFile {
  const file = join(folder, 'log.jsonl')
  const rotated = (number: number): string => `${file}.${number}`
  const open = (): number => openSync(file, 'a', 0o600)
  let descriptor = open()
  let size = fstatSync(descriptor).size

  const removeOld = (): void => {
    for (let number = 1; number <= keep; number++) {
      const stats = statSync(rotated(number), { throwIfNoEntry: false })
      if (stats && Date.now() - stats.mtimeMs > retention) rmSync(rotated(number), { force: true })
    }
  }
  const rotate = (): void => {
    rmSync(rotated(keep), { force: true })
    for (let number = keep - 1; number >= 1; number--)
      if (statSync(rotated(number), { throwIfNoEntry: false })) renameSync(rotated(number), rotated(number + 1))
    renameSync(file, rotated(1))
    closeSync(descriptor)
    descriptor = open()
    size = 0
    removeOld()
  }
  removeOld()
  return {
    write(line) {
      const bytes = Buffer.from(line)
      try {
        if (size > 0 && size + bytes.length > limit) rotate()
        size += writeSync(descriptor, bytes)
      } catch {
        // Full disk or file taken away: the line is lost, the server is not.
      }
    },
    close: () => closeSync(descriptor),
  }
}
