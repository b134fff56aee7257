// Text for an issue: from the command line, from a file, or from standard input with `-`.

import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { bodyLimit } from '../actors/tracker/submission.ts'
import { reasonOf } from '../config-values.ts'
import { ConfigurationError } from '../errors.ts'
import { wrongUse } from './command.ts'

/** The text itself; `-` reads standard input. Throws ConfigurationError `missing-argument` when it is empty, `invalid-argument` when it is too long. */
export async function textOf(value: string, name: string): Promise<string> {
  const text = value === '-' ? await readBounded(process.stdin, name) : value
  if (text.trim() === '') throw wrongUse('missing-argument', `${name} is empty.`)
  return text
}

/** The content of `file`; `-` reads standard input. Throws ConfigurationError `invalid-argument` when it cannot be read or is too long. */
export async function fileText(file: string, cwd: string, flag: string): Promise<string> {
  if (file === '-') return await readBounded(process.stdin, `--${flag}`)
  const path = resolve(cwd, file)
  try {
    return await readBounded(createReadStream(path), `--${flag}`)
  } catch (error) {
    if (error instanceof ConfigurationError) throw error
    throw wrongUse('invalid-argument', `--${flag}: ${reasonOf(error, path)}.`)
  }
}

/** No further than what an issue takes: a device or a pipe may have no end. */
async function readBounded(stream: Readable, name: string): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > bodyLimit)
      throw wrongUse(
        'invalid-argument',
        `${name} is too long: at most ${bodyLimit / 1024} KiB are taken. Shorten it, or name a file in the text.`,
      )
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
