// The demo as a newcomer runs it, from its command to its last line: all nineteen issues on real parts.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { folder } from './databases.ts'
import { figure, rounds, tell, timed, type Figure } from './measure.ts'

const program = resolve(import.meta.dirname, '../bin/signalbox.js')

/** A newcomer waits before a screen: three rounds of it say enough. */
const demos = Math.min(rounds, 3)

export async function measure(): Promise<Figure[]> {
  const seconds: number[] = []
  for (let round = 0; round < demos; round++) {
    const dir = join(folder(), `demo-${round}`)
    const ms = await timed(async () => {
      const child = spawn(process.execPath, [program, 'demo', '--dir', dir, '--seed', String(round)], { stdio: 'ignore' })
      const [code] = (await once(child, 'exit')) as [number | null]
      if (code !== 0) throw new Error(`The demo ended with ${code}.`)
    })
    seconds.push(ms / 1_000)
    await rm(dir, { recursive: true, force: true })
  }
  return [figure('demo', 'nineteen issues through every loop', 's', seconds, { limit: { most: 90 } })]
}

if (import.meta.main) tell(await measure())
