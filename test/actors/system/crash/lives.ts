// Runs lives of the subject program, each in its own process.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Life } from './subject.ts'

const subject = fileURLToPath(new URL('./subject.ts', import.meta.url))

export type End = 'killed' | 'done'

/** One life. `killAfter` is in milliseconds from "ready". Rejects when it ends in any other way, or is still running after `timeout`. */
export function live(life: Life, options: { killAfter?: number; timeout?: number } = {}): Promise<End> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [subject, JSON.stringify(life)], { stdio: ['pipe', 'pipe', 'pipe'] })
    let output = ''
    let timer: NodeJS.Timeout | undefined
    let timedOut = false
    const limit = setTimeout(() => {
      timedOut = true
      child.kill('SIGKILL')
    }, options.timeout ?? 30_000)
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      if (options.killAfter !== undefined && timer === undefined && output.startsWith('ready'))
        timer = setTimeout(() => child.kill('SIGKILL'), options.killAfter)
    })
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      clearTimeout(limit)
      if (timedOut) reject(new Error(`A life of ${JSON.stringify(life)} did not end:\n${output}`))
      else if (signal === 'SIGKILL') resolve('killed')
      else if (code === 0 && output.endsWith('done\n')) resolve('done')
      else reject(new Error(`A life of ${JSON.stringify(life)} ended with ${code ?? signal}:\n${output}`))
    })
  })
}
