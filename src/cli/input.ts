// Text for an issue: from the command line, from a file, or from standard input with `-`.

import { readFileSync } from 'node:fs'
import { text as readText } from 'node:stream/consumers'
import { resolve } from 'node:path'
import { reasonOf } from '../config-values.ts'
import { wrongUse } from './command.ts'

/** The text itself; `-` reads standard input. Throws ConfigurationError `missing-argument` when it is empty. */
export async function textOf(value: string, name: string): Promise<string> {
  const text = value === '-' ? await readText(process.stdin) : value
  if (text.trim() === '') throw wrongUse('missing-argument', `${name} is empty.`)
  return text
}

/** The content of `file`; `-` reads standard input. Throws ConfigurationError `invalid-argument` when it cannot be read. */
export async function fileText(file: string, cwd: string, flag: string): Promise<string> {
  if (file === '-') return await readText(process.stdin)
  const path = resolve(cwd, file)
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw wrongUse('invalid-argument', `--${flag}: ${reasonOf(error, path)}.`)
  }
}
