// A real agent program that is spoken to in lines of JSON, and everything that it has started ended with it.

import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { endMarked } from '../../src/actors/process.ts'

export type Message = Record<string, any>

export interface Program {
  pid: number
  /** Every line of standard output, in order. */
  messages: Message[]
  /** Lines that are no JSON, and standard error. */
  noise(): string
  send(message: object): void
  /** The first message from index `from` on that is wanted. Rejects after `patience` ms (default 60,000: a busy machine starts Claude in twenty seconds) or when the program ends before. */
  until(wanted: (message: Message) => boolean, from?: number, patience?: number): Promise<Message>
  /** Ends standard input. */
  finish(): void
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** Ends the program and all that it has started, by their mark. */
  end(): Promise<void>
}

/** A folder for the transcript of each program: for those who write adapters. Nothing is written without it. */
const notes = process.env['SIGNALBOX_AGENT_NOTES']

export function startProgram(
  [program, ...args]: readonly [string, ...string[]],
  options: { cwd: string; env: Record<string, string>; note?: string },
): Program {
  const mark = randomUUID()
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...options.env, SIGNALBOX_RUN: mark },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  })
  const messages: Message[] = []
  const watchers = new Set<() => void>()
  let noise = ''
  const note = (direction: string, message: unknown): void => {
    if (notes && options.note) appendFileSync(`${notes}/${options.note}.jsonl`, `${JSON.stringify({ direction, message })}\n`)
  }
  note('command', { program, args })
  child.stdin.on('error', (error) => (noise += `${error.message}\n`)) // it has ended, which `exited` tells
  child.stderr.setEncoding('utf8').on('data', (text: string) => (noise += text))
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    try {
      messages.push(JSON.parse(line) as Message)
    } catch {
      noise += `${line}\n` // some print a greeting
      return
    }
    note('<-', messages.at(-1))
    for (const look of watchers) look()
  })
  let over = false
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((done, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      over = true
      note('exit', { code, signal, noise })
      for (const look of watchers) look()
      done({ code, signal })
    })
  })
  exited.catch((error: unknown) => (noise += String(error)))
  const self: Program = {
    pid: child.pid ?? 0,
    messages,
    noise: () => noise,
    send(message) {
      note('->', message)
      child.stdin.write(`${JSON.stringify(message)}\n`)
    },
    until(wanted, from = 0, patience = 60_000) {
      return new Promise((done, reject) => {
        const settle = (): void => {
          clearTimeout(timer)
          watchers.delete(look)
        }
        const give = (why: string): void => {
          settle()
          const last = messages.slice(-5).map((message) => JSON.stringify(message).slice(0, 400))
          reject(new Error(`${program} ${why}. Its last words:\n${last.join('\n')}\n${noise.slice(-2_000)}`))
        }
        const look = (): void => {
          const found = messages.slice(from).find(wanted)
          if (found) {
            settle()
            done(found)
          } else if (over) give('has ended')
        }
        const timer = setTimeout(() => give(`has not said it in ${patience} ms`), patience)
        watchers.add(look)
        look()
      })
    },
    finish: () => void child.stdin.end(),
    exited,
    async end() {
      await endMarked('SIGNALBOX_RUN', mark, 500)
      await exited.catch(() => {}) // it was never there
    },
  }
  return self
}
