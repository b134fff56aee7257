// The result file of a command agent (interface.md §5): read as what a stranger wrote.

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { toErrorData } from '../../errors.ts'
import type { AgentResult } from '../ports.ts'
import { invalidAnswer, readReport } from './answer.ts'

const what = "The agent's result file"

/**
 * The result that the agent wrote, or null when there is no file. Throws ProtocolError `invalid-result` with what is wrong
 * with it: not a file, over `limit` bytes, or not of the form of an answer.
 */
export async function readResult(path: string, limit: number): Promise<AgentResult | null> {
  const written = await readBounded(path, limit)
  return written === null ? null : readReport(written, what)
}

async function readBounded(path: string, limit: number): Promise<string | null> {
  let file
  try {
    // Neither through a link, which could lead anywhere, nor waiting for the other end of a pipe.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw invalidAnswer(what, code === 'ELOOP' ? 'it is a symbolic link' : `it cannot be read (${toErrorData(error).message})`, error)
  }
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw invalidAnswer(what, 'it is not a file')
    if (stats.size > limit) throw invalidAnswer(what, `it has ${stats.size} bytes, and at most ${limit} are read`)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}
