// version: of the package, the commit it was built from, and of each machine.

import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from './command.ts'
import { exit } from './exit.ts'

export const command: Command = {
  name: 'version',
  summary: 'Print the version, the commit and the versions of the machines.',
  json: '{ version, commit, node, machines }',
  examples: ['signalbox version', 'signalbox version --json'],
  run: async (context) => {
    const version = packageVersion()
    const commit = commitOf(root)
    const { machineVersions } = await import('../app.ts')
    const machines = machineVersions()
    context.output.document({ version, commit, node: process.version, machines })
    context.output.line(`signalbox ${version}${commit === null ? '' : ` (${commit.slice(0, 10)})`}, Node ${process.version}`)
    context.output.table(machines.map(({ id, version: of }) => [`  ${id}`, of]))
    return exit.done
  },
}

// The same depth in a clone (src/cli) and in the package (dist/cli).
const root = fileURLToPath(new URL('../..', import.meta.url))

export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version
}

/** The commit of a clone, or the one that the package was built from. */
function commitOf(folder: string): string | null {
  const built = join(folder, 'dist', 'commit')
  if (existsSync(built) && !existsSync(join(folder, '.git'))) return readFileSync(built, 'utf8').trim()
  try {
    const git = gitFolder(folder)
    const head = readFileSync(join(git, 'HEAD'), 'utf8').trim()
    if (!head.startsWith('ref: ')) return head
    const ref = head.slice('ref: '.length)
    return resolveRef(git, ref) ?? resolveRef(resolve(git, readFileSync(join(git, 'commondir'), 'utf8').trim()), ref)
  } catch {
    return null // Neither a clone nor a built package: there is no commit to name.
  }
}

/** `.git` itself, or where the file of a linked worktree points. */
function gitFolder(folder: string): string {
  const path = join(folder, '.git')
  try {
    const pointer = readFileSync(path, 'utf8')
    return resolve(folder, pointer.slice('gitdir: '.length).trim())
  } catch {
    return path // A folder cannot be read as a file: this is an ordinary clone.
  }
}

function resolveRef(git: string, ref: string): string | null {
  const loose = join(git, ref)
  if (existsSync(loose)) return readFileSync(loose, 'utf8').trim()
  const packed = join(git, 'packed-refs')
  const line = existsSync(packed)
    ? readFileSync(packed, 'utf8')
        .split('\n')
        .find((text) => text.endsWith(` ${ref}`))
    : undefined
  return line?.split(' ')[0] ?? null
}
