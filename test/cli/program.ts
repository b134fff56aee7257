// Runs the real program, the way people do: its own process, its own environment, its own folders.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as readText } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

export const bin = fileURLToPath(new URL('../../bin/signalbox.js', import.meta.url))

export interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

export interface Home {
  /** The working folder; its home and state folders lie beside it. */
  folder: string
  variables: Record<string, string>
  /** The data folder of a configuration that `writeConfig` wrote. */
  data: string
  writeConfig: (more?: object) => string
  run: (
    args: readonly string[],
    options?: { input?: string; node?: string; variables?: Record<string, string>; cwd?: string },
  ) => Promise<Outcome>
  remove: () => void
}

export function createHome(name = 'work'): Home {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'signalbox-cli-')))
  const folder = join(base, name)
  const running = new Set<ChildProcess>()
  const data = join(base, 'data')
  mkdirSync(folder)
  mkdirSync(join(base, 'home'))
  const variables = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: join(base, 'home'), GIT_CONFIG_NOSYSTEM: '1', LANG: 'C.UTF-8' }
  return {
    folder,
    variables,
    data,
    writeConfig(more = {}) {
      mkdirSync(data, { recursive: true, mode: 0o700 })
      writeFileSync(join(data, 'operator-token'), 'a'.repeat(43), { mode: 0o600 })
      const config = {
        server: { port: 1, operatorToken: `file:${join(data, 'operator-token')}` },
        store: { path: join(data, 'signalbox.db') },
        agents: { mine: { kind: 'command', command: 'true' } },
        projects: [{ id: 'app', repo: '.' }],
        ...more,
      }
      const file = join(folder, 'signalbox.config.json')
      writeFileSync(file, JSON.stringify(config, null, 2))
      return file
    },
    async run(args, options = {}) {
      const child = spawn(options.node ?? process.execPath, [bin, ...args], {
        cwd: options.cwd ?? folder,
        env: { ...variables, ...options.variables },
        stdio: ['pipe', 'pipe', 'pipe'],
      })
      const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('exit', resolve))
      running.add(child)
      child.stdin.on('error', () => {})
      child.stdin.end(options.input ?? '')
      const [stdout, stderr, code] = await Promise.all([readText(child.stdout), readText(child.stderr), ended])
      running.delete(child)
      return { code, stdout, stderr }
    },
    remove() {
      // Those of a test that ran out of time.
      for (const child of running) child.kill('SIGKILL')
      rmSync(base, { recursive: true, force: true })
    },
  }
}

/** A node of this machine that is too old for the program, when there is one. */
export function findOldNode(): string | undefined {
  return ['/usr/bin/node', '/usr/local/bin/node', '/opt/node/bin/node'].find(
    (path) => existsSync(path) && realpathSync(path) !== realpathSync(process.execPath),
  )
}
