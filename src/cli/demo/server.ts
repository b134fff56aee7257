// The server of the demo as a child process of its own group: started, killed without warning, ended politely.
// Invariant: unless it is released, no server outlives the demo, however the demo ends.

import { spawn, type ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { setTimeout as wait } from 'node:timers/promises'
import { FatalError } from '../../errors.ts'
import { endMarkedAtOnce } from './marked.ts'
import type { DemoPlaces } from './project.ts'

/** The program that a person types as `signalbox`. */
export const signalboxProgram = fileURLToPath(new URL('../../../bin/signalbox.js', import.meta.url))

export interface ServerProcess {
  readonly pid: number | undefined
  /** Starts it; resolves when it answers that it is ready. Throws FatalError `server-failed` when it ends before. */
  start: () => Promise<void>
  /** SIGKILL to the server's process alone: its agents stay behind as orphans. */
  kill: () => Promise<void>
  /** SIGTERM, and SIGKILL when it has not ended after `patience` ms. */
  stop: (patience?: number) => Promise<void>
  /** Lets it live on after this process. */
  release: () => void
}

interface ServerOptions {
  places: DemoPlaces
  /** It may be released later: then it must not notice when this process ends. */
  keep: boolean
  variables: Readonly<Record<string, string | undefined>>
  isReady: () => Promise<boolean>
  /** Another program than Signalbox, for tests. */
  program?: string
  /** Called when it ends though nobody ended it. */
  onGone: (error: FatalError) => void
}

export function createServerProcess(options: ServerOptions): ServerProcess {
  const { places, keep, variables, isReady, onGone, program = signalboxProgram } = options
  let child: ChildProcess | undefined
  let ended: Promise<string> = Promise.resolve('never started')
  let isWanted = false

  const spawnServer = (): ChildProcess => {
    const log = openSync(places.serverLog, 'a')
    // The lifeline of bin/signalbox.js: when this process is gone, even by kill -9, the server goes too.
    const lifeline = keep ? {} : { SIGNALBOX_HANDED_OVER: '1' }
    const started = spawn(process.execPath, [program, 'start', '--config', places.config], {
      cwd: places.folder,
      env: { ...variables, ...lifeline },
      stdio: ['ignore', log, log, ...(keep ? [] : ['pipe' as const])],
      detached: true,
    })
    closeSync(log)
    return started
  }

  const start = async (): Promise<void> => {
    isWanted = true
    const started = spawnServer()
    child = started
    let isReadyNow = false
    let isOver = false
    ended = new Promise((resolve) => {
      const over = (how: string): void => {
        isOver = true
        if (child === started) child = undefined
        if (isWanted && isReadyNow) onGone(new FatalError('server-gone', `The server ended by itself (${how}).${tailOf(places.serverLog)}`))
        resolve(how)
      }
      started.once('error', (error) => over(error.message))
      started.once('exit', (code, signal) => over(signal ?? `exit code ${code}`))
    })
    const until = Date.now() + 30_000
    while (!(await isReady())) {
      if (isOver) throw new FatalError('server-failed', `The server did not start (${await ended}).${tailOf(places.serverLog)}`)
      if (Date.now() > until) throw new FatalError('server-failed', `The server was not ready within 30 s.${tailOf(places.serverLog)}`)
      await wait(20)
    }
    isReadyNow = true
  }

  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    isWanted = false
    child?.kill(signal)
    await ended
  }

  const lastResort = (): void => {
    if (child === undefined) return
    child.kill('SIGKILL')
    endMarkedAtOnce(places.state)
  }
  process.once('exit', lastResort)

  return {
    get pid() {
      return child?.pid
    },
    start,
    kill: () => end('SIGKILL'),
    stop: async (patience = 15_000) => {
      const force = setTimeout(() => child?.kill('SIGKILL'), patience)
      await end('SIGTERM')
      clearTimeout(force)
      process.removeListener('exit', lastResort)
    },
    release: () => {
      isWanted = false
      process.removeListener('exit', lastResort)
      child?.unref()
    },
  }
}

function tailOf(file: string): string {
  const text = readFileSync(file, 'utf8').trimEnd()
  return text === '' ? '' : ` The end of ${file}:\n${text.split('\n').slice(-8).join('\n')}`
}

/**
 * A free port below the range that systems give to outgoing connections: one of those could take the port while the server
 * is dead, and a client that keeps trying could even be connected to itself.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(15_000, 32_000)
    if (await isFree(port)) return port
  }
  throw new FatalError('no-free-port', 'No free port was found between 15000 and 32000 on 127.0.0.1.')
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
