// Keeps a small process that starts all others. Forking costs time in proportion to the memory of the process that forks (about
// 5 ms for each 100 MB), in which a server would do nothing else; and what a child prints by the gigabyte is not read here.

import { fork, type ChildProcess } from 'node:child_process'
import { getCompileCacheDir } from 'node:module'
import { dirname, extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ConfigurationError, FatalError, ProtocolError, RetryableError, type ErrorData } from '../../errors.ts'
import { defaultGrace, endProcessGroup, type ProcessIdentity } from './group.ts'
import { longestTimer, runHere, type ProcessRequest, type ProcessResult, type Stdin } from './run.ts'

/** What the host is asked. Functions and signals stay here; what they would hear or say comes as messages. */
export type HostRequest =
  | {
      type: 'run'
      id: number
      request: Omit<ProcessRequest, 'signal' | 'onLine' | 'onStart' | 'dialogue'>
      lines: boolean
      dialogue: { longest: number | undefined } | null
    }
  | { type: 'abort'; id: number }
  | { type: 'write'; id: number; text: string }
  | { type: 'end'; id: number }
  /** So many bytes of messages have been taken. */
  | { type: 'taken'; id: number; bytes: number }

export type HostAnswer =
  | { type: 'ready' }
  | { type: 'started'; id: number; identity: ProcessIdentity }
  | { type: 'line'; id: number; line: string }
  | { type: 'open'; id: number }
  | { type: 'message'; id: number; line: string }
  | { type: 'result'; id: number; result: ProcessResult }
  | { type: 'error'; id: number; error: ErrorData }

interface Waiting {
  request: ProcessRequest
  /** Calls when the host has not answered although the process must have ended. */
  overdue?: NodeJS.Timeout
  identity?: ProcessIdentity
  failure?: unknown
  failed: boolean
  resolve: (result: ProcessResult) => void
  reject: (error: unknown) => void
}

interface Host {
  run: (request: ProcessRequest) => Promise<ProcessResult>
  close: () => void
}

function createHost(answerWait: number, onLost: () => void): Host {
  const file = fileURLToPath(new URL(`./host-main${extname(import.meta.url)}`, import.meta.url))
  const cache = getCompileCacheDir()
  const child: ChildProcess = fork(file, [], {
    // The smaller it is the cheaper each fork: stripping the types of its files alone would cost it a third of its memory.
    execArgv: ['--max-semi-space-size=1', '--max-old-space-size=256', '--single-threaded', '--no-warnings'],
    env: cache === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: dirname(cache) },
    // Not in our group: a terminal's Ctrl-C is for the server, which ends what it started in order.
    detached: true,
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const waiting = new Map<number, Waiting>()
  let next = 0
  let lost = false
  const send = (message: HostRequest): void => {
    child.send(message, (error) => {
      if (error) lose()
    })
  }
  const attempt = (id: number, callback: () => void): void => {
    const one = waiting.get(id)!
    try {
      callback()
    } catch (error) {
      if (!one.failed) Object.assign(one, { failed: true, failure: error })
      send({ type: 'abort', id })
    }
  }
  const stdinOf = (id: number): Stdin => ({
    write: (text) => void (waiting.has(id) && send({ type: 'write', id, text })),
    end: () => void (waiting.has(id) && send({ type: 'end', id })),
  })
  const settle = (id: number, settled: (one: Waiting) => void): void => {
    const one = waiting.get(id)
    if (!one) return
    waiting.delete(id)
    clearTimeout(one.overdue)
    if (waiting.size === 0) idle()
    if (one.failed) one.reject(one.failure)
    else settled(one)
  }
  /** Only what is waited for keeps the program running. */
  const idle = (): void => {
    child.unref()
    child.channel?.unref()
  }
  const lose = (): void => {
    if (lost) return
    lost = true
    onLost()
    for (const id of [...waiting.keys()]) {
      const { identity } = waiting.get(id)!
      const ended = identity ? endProcessGroup(identity) : Promise.resolve(false)
      const error = new RetryableError('process-host-lost', 'The process that starts all others has ended; another takes its place.')
      void ended.then(() => settle(id, ({ reject }) => reject(error)))
    }
  }
  child.on('message', (message) => {
    const answer = message as HostAnswer
    if (answer.type === 'ready') return
    const one = waiting.get(answer.id)
    if (!one) return
    switch (answer.type) {
      case 'started':
        one.identity = answer.identity
        return attempt(answer.id, () => one.request.onStart?.(answer.identity))
      case 'line':
        return one.failed ? undefined : attempt(answer.id, () => one.request.onLine?.(answer.line))
      case 'open':
        return attempt(answer.id, () => one.request.dialogue?.onOpen(stdinOf(answer.id)))
      case 'message':
        if (!one.failed) attempt(answer.id, () => one.request.dialogue?.onMessage(answer.line))
        return send({ type: 'taken', id: answer.id, bytes: answer.line.length })
      case 'result':
        return settle(answer.id, ({ resolve }) => resolve(answer.result))
      case 'error':
        return settle(answer.id, ({ reject }) => reject(toError(answer.error)))
    }
  })
  child.once('exit', lose)
  child.once('error', lose)
  idle()

  return {
    run(request) {
      if (lost || request.signal?.aborted) return runHere(request)
      const id = next++
      const { signal, onLine, onStart: _onStart, dialogue, ...plain } = request
      const { promise, resolve, reject } = Promise.withResolvers<ProcessResult>()
      const one: Waiting = { request, failed: false, resolve, reject }
      waiting.set(id, one)
      if (request.timeout !== undefined) {
        const latest = request.timeout + (request.grace ?? defaultGrace) + answerWait
        one.overdue = setTimeout(() => child.kill('SIGKILL'), Math.min(latest, longestTimer)).unref()
      }
      child.ref()
      child.channel?.ref()
      send({ type: 'run', id, request: plain, lines: onLine !== undefined, dialogue: dialogue ? { longest: dialogue.longest } : null })
      if (!signal) return promise
      const abort = (): void => send({ type: 'abort', id })
      signal.addEventListener('abort', abort, { once: true })
      return promise.finally(() => signal.removeEventListener('abort', abort))
    },
    close() {
      if (child.connected) child.disconnect()
    },
  }
}

const kinds = { ConfigurationError, RetryableError, FatalError, ProtocolError }

function toError({ name, code, message, retryAfter }: ErrorData): Error {
  const Kind = kinds[name as keyof typeof kinds]
  return Kind && code !== undefined ? new Kind(code, message, { retryAfter: retryAfter as number }) : new Error(message)
}

let host: Host | undefined
let users = 0
let answerWait = 0

/**
 * From now on processes are started by a process of their own, until every user has called the answer. `answerWait` is how many
 * milliseconds beyond a process's own time its result may take to come: a host that does not answer is replaced. Default 30,000.
 */
export function useProcessHost(options: { answerWait?: number } = {}): () => void {
  users++
  answerWait = options.answerWait ?? 30_000
  let isUsed = true
  return () => {
    if (!isUsed) return
    isUsed = false
    if (--users > 0) return
    host?.close()
    host = undefined
  }
}

/** What runs a process in the host, when it is wanted; it is made at the first request, and again after it was lost. */
export function hostInUse(): Host['run'] | undefined {
  if (users === 0) return undefined
  if (host) return host.run
  try {
    const made = createHost(answerWait, () => {
      if (host === made) host = undefined
    })
    host = made
    return made.run
  } catch {
    return undefined // the system is out of processes or files now: the request itself will say so, or find some
  }
}
