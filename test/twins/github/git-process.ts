// Git processes: one for a command, and one that stays for reading objects.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
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

export interface GitObject {
  sha: string
  type: string
  body: Buffer
}

/** `git cat-file --batch`: a question and an answer at a time, in order. */
export class ObjectReader {
  readonly #child: ChildProcess
  #waiting: ((value: GitObject | undefined) => void)[] = []
  #buffer: Buffer = Buffer.alloc(0)

  constructor(folder: string, ended: () => void) {
    this.#child = spawn('git', ['cat-file', '--batch'], { cwd: folder, env: ENVIRONMENT, stdio: ['pipe', 'pipe', 'ignore'] })
    this.#child.stdin!.on('error', () => {})
    this.#child.stdout!.on('data', (chunk: Buffer) => this.#take(chunk))
    const end = () => {
      ended()
      for (const resolve of this.#waiting.splice(0)) resolve(undefined)
    }
    this.#child.on('error', end)
    this.#child.on('close', end)
  }

  read(name: string): Promise<GitObject | undefined> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#child.stdin!.write(`${name}\n`)
    })
  }

  #take(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk])
    while (this.#waiting.length > 0) {
      const end = this.#buffer.indexOf(10)
      if (end === -1) return
      const header = this.#buffer.subarray(0, end).toString()
      const found = /^([0-9a-f]{40}) (\w+) (\d+)$/.exec(header)
      if (found === null) {
        this.#buffer = this.#buffer.subarray(end + 1)
        this.#waiting.shift()!(undefined)
        continue
      }
      const length = Number(found[3])
      if (this.#buffer.length < end + 1 + length + 1) return
      const body = Buffer.from(this.#buffer.subarray(end + 1, end + 1 + length))
      this.#buffer = this.#buffer.subarray(end + 2 + length)
      this.#waiting.shift()!({ sha: found[1]!, type: found[2]!, body })
    }
  }

  close(): void {
    this.#child.stdin!.end()
  }
}
