// Runs one child process, from this process: in a process group of its own, without standard input unless some is given, with a
// timeout, a signal to end it, and bounded kept output. When the result is there, nothing of the group is alive.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { FatalError, RetryableError, type SignalboxError } from '../../errors.ts'
import { defaultGrace, endGroup, identityOf, signalGroup, type ProcessIdentity } from './group.ts'
import { createLines, createMessages, createOutputFile, createTail } from './output.ts'

export interface ProcessRequest {
  /** A text is run by `/bin/sh -c`; a list is a program and its arguments, without a shell. */
  command: string | readonly [string, ...string[]]
  cwd: string
  /** The whole environment; see `childEnvironment`. */
  env: Record<string, string>
  /** Milliseconds; over it the group is ended. */
  timeout?: number | undefined
  /** Ends the group. */
  signal?: AbortSignal | undefined
  /** Bytes kept of the end of each stream. Default 64 KiB. */
  keep?: number | undefined
  /** How the kept bytes become text. Default `utf8`; `latin1` loses nothing. */
  encoding?: 'utf8' | 'latin1' | undefined
  /** Gets both streams as they come, replaced unless `outputAppend`. */
  outputFile?: string | undefined
  outputAppend?: boolean | undefined
  /** Bytes written to the file before the rest is left out (its end excepted). Default 16 MiB. */
  outputLimit?: number | undefined
  /** Lines of standard output, shortened to 4 KiB; in a flood some are left out. Throwing ends the group and rejects. */
  onLine?: ((line: string) => void) | undefined
  /** Called before anything else happens. Throwing ends the group and rejects. */
  onStart?: ((identity: ProcessIdentity) => void) | undefined
  /** Milliseconds between SIGTERM and SIGKILL. Default 3,000. */
  grace?: number | undefined
  /** Standard input; without it, and without a dialogue, there is none. */
  input?: string | Uint8Array | undefined
  dialogue?: Dialogue | undefined
}

/** A process that is talked with, a line at a time in both directions. Throwing in a callback ends the group and rejects. */
export interface Dialogue {
  /** Called after `onStart`, before any line. */
  onOpen: (stdin: Stdin) => void
  /** Every line of standard output, whole and in order. */
  onMessage: (line: string) => void
  /** Bytes; a longer line ends the group and rejects with ProtocolError `line-too-long`. Default 64 MiB. */
  longest?: number | undefined
}

/** What is written after the process has ended goes nowhere: its end is told by the result. */
export interface Stdin {
  write: (text: string) => void
  end: () => void
}

/** What holds standard output back while it comes faster than it is used. */
export interface Flow {
  pause: () => void
  resume: () => void
}

export interface ProcessResult {
  /** Null when a signal ended it, or when it was not started because `signal` was aborted already. */
  exitCode: number | null
  signal: string | null
  stdout: string
  stderr: string
  timedOut: boolean
  aborted: boolean
  /** True when the kept text or the output file does not have everything. */
  truncated: boolean
  ms: number
}

const longestMessage = 64 * 2 ** 20
/** How long the pipes may stay open after the leader has ended: a background child that holds them is ended then. */
const pipeWait = 500
/** Of a dialogue, for the messages of a process that has ended to be taken. */
const behindWait = 10_000
/** Milliseconds; a longer timer would fire at once. */
export const longestTimer = 2 ** 31 - 1

/**
 * Runs one process to its end. Contract: rejects only when it cannot be started (FatalError `process-not-found`,
 * `process-folder-missing`, `process-not-startable`; RetryableError `process-limit`) or when a callback threw, with its error.
 */
export async function runHere(request: ProcessRequest): Promise<ProcessResult> {
  const startedAt = performance.now()
  const grace = request.grace ?? defaultGrace
  if (request.signal?.aborted) return notStarted
  const child = await start(request)
  const group = child.pid!
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))

  let timedOut = false
  let aborted = false
  let endingSince: number | null = null
  let kill: NodeJS.Timeout | undefined
  let abandon: () => void = () => {}
  const abandoned = new Promise<void>((resolve) => (abandon = resolve))
  const end = (): void => {
    if (endingSince !== null) return
    endingSince = performance.now()
    signalGroup(group, 'SIGTERM')
    kill = setTimeout(() => {
      signalGroup(group, 'SIGKILL')
      kill = setTimeout(abandon, 5_000) // not even SIGKILL ends a process in uninterruptible I/O: do not wait with it
    }, grace)
  }
  const failures: unknown[] = []
  const attempt = (callback: () => void): void => {
    try {
      callback()
    } catch (error) {
      failures.push(error)
      end()
    }
  }

  attempt(() => request.onStart?.(identityOf(group) ?? { pid: group, group, startTime: '' }))
  attempt(() => request.dialogue?.onOpen(stdinOf(child)))
  const output = collect(child, request, attempt)
  const onAbort = (): void => {
    aborted = true
    end()
  }
  request.signal?.addEventListener('abort', onAbort, { once: true })
  if (request.signal?.aborted) onAbort() // by a callback, or while it was started
  const timeout =
    request.timeout === undefined
      ? undefined
      : setTimeout(
          () => {
            timedOut = true
            end()
          },
          Math.min(Math.max(0, request.timeout), longestTimer),
        )

  await Promise.race([exited, abandoned])
  clearTimeout(timeout)
  clearTimeout(kill)
  request.signal?.removeEventListener('abort', onAbort)
  await settles(closed, pipeWait)
  await endGroup(group, endingSince === null ? Math.min(grace, 1_000) : Math.max(0, grace - (performance.now() - endingSince)))
  // Still open only when a process that left the group holds them.
  const complete = await settles(closed, request.dialogue && child.stdout!.isPaused() ? behindWait : pipeWait)
  const isBehind = child.stdout!.isPaused() || child.stderr!.isPaused()
  child.stdout!.destroy()
  child.stderr!.destroy()
  const kept = await output.end()
  if (failures.length > 0) throw failures[0]
  return {
    exitCode: child.exitCode,
    signal: child.signalCode,
    stdout: kept.stdout,
    stderr: kept.stderr,
    timedOut,
    aborted,
    truncated: kept.truncated || (!complete && isBehind),
    ms: performance.now() - startedAt,
  }
}

const stdinOf = ({ stdin, stdout }: ChildProcess): Stdin & Flow => ({
  write: (text) => void (stdin!.writable && stdin!.write(text)),
  end: () => void stdin!.end(),
  pause: () => void stdout!.pause(),
  resume: () => void stdout!.resume(),
})

const notStarted: ProcessResult = {
  exitCode: null,
  signal: null,
  stdout: '',
  stderr: '',
  timedOut: false,
  aborted: true,
  truncated: false,
  ms: 0,
}

async function start(request: ProcessRequest): Promise<ChildProcess> {
  const [file, ...args] = typeof request.command === 'string' ? (['/bin/sh', '-c', request.command] as const) : request.command
  let child: ChildProcess
  try {
    child = spawn(file, args, {
      cwd: request.cwd,
      env: request.env,
      detached: true, // a session and a group of its own: ended as one, and no terminal to ask on
      stdio: [request.input === undefined && request.dialogue === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
  } catch (error) {
    throw toStartError(error, file, request.cwd)
  }
  if (child.pid === undefined) {
    const [error] = (await once(child, 'error')) as [unknown]
    throw toStartError(error, file, request.cwd)
  }
  child.on('error', () => {}) // only a failed kill or send comes here once it runs, and we do neither through `child`
  child.stdin?.on('error', () => {}) // it need not read its input to the end
  if (request.dialogue === undefined) child.stdin?.end(request.input)
  return child
}

function toStartError(cause: unknown, file: string, cwd: string): SignalboxError {
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === 'EAGAIN' || code === 'EMFILE' || code === 'ENFILE' || code === 'ENOMEM') {
    return new RetryableError(
      'process-limit',
      `'${file}' could not be started now: the system is out of processes, files or memory (${code}).`,
      {
        cause,
        retryAfter: 5_000,
      },
    )
  }
  if (!isFolder(cwd)) return new FatalError('process-folder-missing', `'${file}' was to run in '${cwd}', which is not a folder.`, { cause })
  if (code === 'ENOENT') return new FatalError('process-not-found', `The program '${file}' does not exist.`, { cause })
  return new FatalError('process-not-startable', `The program '${file}' could not be started: ${message}.`, { cause })
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

interface Kept {
  stdout: string
  stderr: string
  truncated: boolean
}

function collect(child: ChildProcess, request: ProcessRequest, attempt: (callback: () => void) => void): { end: () => Promise<Kept> } {
  const keep = request.keep ?? 65_536
  const encoding = request.encoding ?? 'utf8'
  const tails = { stdout: createTail(keep), stderr: createTail(keep) }
  const lines = request.onLine && createLines(request.onLine)
  const messages = request.dialogue && createMessages(request.dialogue.onMessage, request.dialogue.longest ?? longestMessage)
  const streams = [child.stdout!, child.stderr!]
  const file =
    request.outputFile === undefined
      ? undefined
      : createOutputFile(request.outputFile, {
          limit: request.outputLimit ?? 16 * 2 ** 20,
          append: request.outputAppend ?? false,
          onDrain: () => streams.forEach((stream) => stream.resume()),
        })
  const take = (chunk: Buffer): void => {
    if (file && !file.write(chunk)) for (const stream of streams) stream.pause()
  }
  child.stdout!.on('data', (chunk: Buffer) => {
    tails.stdout.add(chunk)
    take(chunk)
    if (lines) attempt(() => lines.add(chunk))
    if (messages) attempt(() => messages.add(chunk))
  })
  child.stderr!.on('data', (chunk: Buffer) => {
    tails.stderr.add(chunk)
    take(chunk)
  })
  for (const stream of streams) stream.on('error', () => {}) // a pipe that breaks has ended
  return {
    end: async () => {
      if (lines) attempt(() => lines.end())
      if (messages) attempt(() => messages.end())
      await file?.end()
      const truncated = tails.stdout.dropped || tails.stderr.dropped || (file?.truncated ?? false)
      return { stdout: tails.stdout.bytes().toString(encoding), stderr: tails.stderr.bytes().toString(encoding), truncated }
    },
  }
}

/** True when the promise settles within `ms`. */
async function settles(promise: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => (timer = setTimeout(resolve, ms, false)))
  const inTime = await Promise.race([promise.then(() => true), late])
  clearTimeout(timer)
  return inTime
}
