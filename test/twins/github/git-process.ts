// Git processes: one for a command, and some that stay, for reading objects and differences.

import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { spawnGit } from './spawner.ts'

export const ENVIRONMENT = {
  PATH: process.env['PATH'],
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'GitHub',
  GIT_AUTHOR_EMAIL: 'noreply@github.com',
  GIT_COMMITTER_NAME: 'GitHub',
  GIT_COMMITTER_EMAIL: 'noreply@github.com',
}

export interface RunOptions {
  input?: string
  env?: Record<string, string>
  /** Exit codes that are answers. */
  accept?: number[]
  onCode?: (code: number) => void
}

export async function runGit(cwd: string | undefined, args: string[], options: RunOptions = {}): Promise<string> {
  const { code, out, err } = await spawnGit(args, { cwd, env: { ...ENVIRONMENT, ...options.env }, input: options.input ?? '' })
  options.onCode?.(code)
  if (code !== 0 && !options.accept?.includes(code)) {
    throw new Error(`git ${args.join(' ')} ended with ${code}: ${err.toString().trim()}`)
  }
  return out.toString()
}

type Child = ChildProcessByStdio<Writable, Readable, null>

/** The first answer in what came so far, and how many bytes it takes; undefined while it is not all there. */
type Take<Answer> = (came: Buffer) => { answer: Answer; length: number } | undefined

/**
 * A git process that stays: it is asked one thing after another, and answers in that order. It starts with the first question, and
 * again with the next one after it has died. It keeps this process from ending only while an answer is awaited.
 */
export class StayingGit<Answer> {
  readonly #folder: string
  readonly #args: readonly string[]
  readonly #take: Take<Answer>
  #child: Child | undefined
  #waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void }[] = []
  #came: Buffer = Buffer.alloc(0)

  constructor(folder: string, args: readonly string[], take: Take<Answer>) {
    this.#folder = folder
    this.#args = args
    this.#take = take
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Rejects when the process ends before it has answered. */
  ask(question: string): Promise<Answer> {
    const child = (this.#child ??= this.#start())
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      ;(child.stdout as Socket).ref()
      child.stdin.write(question)
    })
  }

  #start(): Child {
    const child: Child = spawn('git', this.#args, { cwd: this.#folder, env: ENVIRONMENT, stdio: ['pipe', 'pipe', 'ignore'] })
    child.unref()
    ;(child.stdin as Socket).unref()
    child.stdin.on('error', () => {})
    child.stdout.on('data', (chunk: Buffer) => {
      this.#receive(chunk)
      if (this.#waiting.length === 0) (child.stdout as Socket).unref()
    })
    const end = () => {
      if (this.#child !== child) return
      this.#child = undefined
      this.#came = Buffer.alloc(0)
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`git ${this.#args.join(' ')} ended without an answer`))
    }
    child.on('error', end)
    child.on('close', end)
    return child
  }

  #receive(chunk: Buffer): void {
    this.#came = this.#came.length === 0 ? chunk : Buffer.concat([this.#came, chunk])
    while (this.#waiting.length > 0) {
      const taken = this.#take(this.#came)
      if (taken === undefined) return
      this.#came = this.#came.subarray(taken.length)
      this.#waiting.shift()!.resolve(taken.answer)
    }
  }

  /** The process ends once it has answered what it was asked. */
  close(): void {
    this.#child?.stdin.end()
  }
}

export interface GitObject {
  sha: string
  type: string
  body: Buffer
}

/** Reads objects by any name of theirs. */
export class ObjectReader extends StayingGit<GitObject | undefined> {
  constructor(folder: string) {
    super(folder, ['cat-file', '--batch'], takeObject)
  }

  read(name: string): Promise<GitObject | undefined> {
    return this.ask(`${name}\n`)
  }
}

const takeObject: Take<GitObject | undefined> = (came) => {
  const end = came.indexOf(10)
  if (end === -1) return undefined
  const found = /^([0-9a-f]{40}) (\w+) (\d+)$/.exec(came.subarray(0, end).toString())
  if (found === null) return { answer: undefined, length: end + 1 }
  const after = end + 1 + Number(found[3])
  if (came.length <= after) return undefined
  return { answer: { sha: found[1]!, type: found[2]!, body: Buffer.from(came.subarray(end + 1, after)) }, length: after + 1 }
}

/** A line that is the name of no object comes back as it is: an answer ends with it. Nobody else knows it, so that no file holds it. */
const MARK = `the end of ${randomUUID()}\n`

/** Tells the differences that commits, or pairs of trees, have: a line asks for those of one or two objects. */
export class DifferenceReader extends StayingGit<string> {
  constructor(folder: string, options: readonly string[]) {
    super(folder, ['diff-tree', '--stdin', '-r', ...options], takeDifferences)
  }

  read(objects: string): Promise<string> {
    return this.ask(`${objects}\n${MARK}`)
  }
}

const takeDifferences: Take<string> = (came) => {
  const end = came.indexOf(MARK)
  return end === -1 ? undefined : { answer: came.subarray(0, end).toString(), length: end + MARK.length }
}
