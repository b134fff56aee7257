// Stands between us and a real agent, as a process of its own: the agent hears us as we are, and a test has the last word on what it says.

import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Message } from './program.ts'

/** What is passed on in the place of a line that the agent says; null kills the agent and all with it (-9). */
export type Rewrite = (
  message: Message,
  /** The line as it is. `answers`: the method of the request that it answers. `memory`: is there the next time. */
  more: { line: string; answers: string | undefined; memory: Record<string, any> },
) => string[] | null

/** Words to be put before an agent's command. `rewrite` is run in another process: it knows nothing of what stands around it. */
export function relayed(folder: string, rewrite: Rewrite): string {
  const rules = join(folder, 'relay.mjs')
  writeFileSync(rules, `export default ${rewrite.toString()}\n`)
  return `${process.execPath} ${import.meta.filename} ${rules}`
}

if (import.meta.main) {
  const [rules, program, ...args] = process.argv.slice(2)
  const { default: rewrite } = (await import(rules!)) as { default: Rewrite }
  const agent = spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const asked = new Map<unknown, string>()
  const memory: Record<string, any> = {}
  agent.stdin.on('error', () => {}) // it has ended, which its end tells
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      const { id, method } = JSON.parse(line) as Message
      if (id !== undefined && method !== undefined) asked.set(id, method as string)
      agent.stdin.write(`${line}\n`)
    })
    .on('close', () => agent.stdin.end())
  createInterface({ input: agent.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as Message
    const answers = message['method'] === undefined ? asked.get(message['id']) : undefined
    const lines = rewrite(message, { line, answers, memory })
    if (lines === null) process.kill(0, 'SIGKILL')
    for (const one of lines ?? []) process.stdout.write(`${one}\n`)
  })
  agent.on('close', (code) => process.exit(code ?? 1))
}
