// Git processes that are started by a small process of our own: this one holds the twins, and forking it takes twenty milliseconds.

import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Ended {
  code: number
  out: Buffer
  err: Buffer
}

export interface SpawnOptions {
  cwd?: string | undefined
  env: Record<string, string | undefined>
  input: string | Buffer
}

interface Waiting {
  resolve: (ended: Ended) => void
  reject: (error: Error) => void
}

let spawner: ChildProcess | undefined
let next = 0
const waiting = new Map<number, Waiting>()

/** It keeps this process from ending only while an answer is awaited, and ends with it. */
function start(): ChildProcess {
  const file = fileURLToPath(new URL('spawner-main.mjs', import.meta.url))
  const options = { execArgv: ['--max-semi-space-size=1', '--single-threaded'], serialization: 'advanced' as const }
  const child = fork(file, [], { ...options, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  child.on('message', ({ id, error, ...ended }: Ended & { id: number; error?: string }) => {
    const one = waiting.get(id)!
    waiting.delete(id)
    if (waiting.size === 0) child.channel!.unref()
    if (error === undefined) one.resolve({ code: ended.code, out: Buffer.from(ended.out), err: Buffer.from(ended.err) })
    else one.reject(new Error(error))
  })
  child.once('exit', () => {
    spawner = undefined
    for (const { reject } of waiting.values()) reject(new Error('What starts git for the twins has ended.'))
    waiting.clear()
  })
  child.unref()
  return child
}

/** Runs git to its end, whatever its exit code. Rejects when it cannot be started. */
export function spawnGit(args: readonly string[], { cwd, env, input }: SpawnOptions): Promise<Ended> {
  spawner ??= start()
  const { channel } = spawner
  return new Promise((resolve, reject) => {
    const id = next++
    waiting.set(id, { resolve, reject })
    channel!.ref()
    spawner!.send({ id, args, cwd, input, env: Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined)) })
  })
}
