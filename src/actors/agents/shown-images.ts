// Which images each conversation of an issue's agents has been shown, in one file: a conversation is sent whole with each request, and what
// is in it is not put into it again.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { z } from 'zod'
import type { AgentRequest } from '../ports.ts'

const shownSchema = z.object({ name: z.string(), size: z.number() })
const fileSchema = z.array(z.object({ thread: z.string(), images: z.array(shownSchema) }))

/** `name`: of its file, in whatever folder. `size`: bytes. */
export type Shown = z.output<typeof shownSchema>

export const readShown = (file: string, thread: string | null): Shown[] =>
  thread === null ? [] : (read(file).find((one) => one.thread === thread)?.images ?? [])

/** Of a turn whose agent is at work: what it was handed is in `thread` now, beside what is in the thread that it goes on with or copies. */
export function addShown(file: string, request: Pick<AgentRequest, 'thread' | 'images'>, thread: string): void {
  const all = read(file)
  const before = all.find((one) => one.thread === request.thread)?.images ?? []
  const images = [...before, ...request.images.map(({ path, size }) => ({ name: basename(path), size }))]
  const others = all.filter((one) => one.thread !== thread)
  if (images.length + all.length === 0) return
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  // Whole or not at all. Also where nothing is new: it stays as long as its threads are gone on with.
  writeFileSync(`${file}.new`, JSON.stringify([...others, ...(images.length === 0 ? [] : [{ thread, images }])]), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** Of a file that is not there or cannot be read nothing is known: then images are shown once more. */
function read(file: string): z.output<typeof fileSchema> {
  try {
    return fileSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return []
  }
}
