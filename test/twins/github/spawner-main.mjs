// Starts the git processes of a twin and answers what they print. On its own: a small process forks in a tenth of the time of a large one.

import { execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'

const folder = execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim()
/** One that git would start by another process of itself is started at once. */
const commandOf = ([first, ...rest]) => (first === 'http-backend' ? [join(folder, 'git-http-backend'), rest] : ['git', [first, ...rest]])

process.on('message', ({ id, args, cwd, env, input }) => {
  const [command, rest] = commandOf(args)
  const child = spawn(command, rest, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] })
  const [out, err] = [[], []]
  let error
  child.stdout.on('data', (chunk) => out.push(chunk))
  child.stderr.on('data', (chunk) => err.push(chunk))
  // A child that ends before it has read everything tells by its exit code.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  child.on('error', ({ message }) => (error = message))
  child.on('close', (code) => {
    if (process.connected) process.send({ id, error, code: code ?? -1, out: Buffer.concat(out), err: Buffer.concat(err) })
  })
})
process.on('disconnect', () => process.exit())
