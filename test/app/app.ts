// The runtime on a small real repository in a temporary folder, which goes with the test.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { git } from '../../src/actors/git.ts'
import { createApp, type App, type AppOptions } from '../../src/app.ts'
import { parseConfig, type Config } from '../../src/config.ts'
import type { AcpScript } from '../agents/acp-script.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

const identity = { GIT_AUTHOR_NAME: 'U', GIT_AUTHOR_EMAIL: 'u@localhost', GIT_COMMITTER_NAME: 'U', GIT_COMMITTER_EMAIL: 'u@localhost' }

export interface Place {
  folder: string
  /** The configuration with other keys in its only project. */
  config: (project?: object) => Config
  /** Starts the runtime; it ends with the test, or when it is stopped. */
  open: (config?: Config, options?: AppOptions) => Promise<App>
}

export async function createPlace(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-app-'))
  closing.push(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const repo = join(folder, 'app')
  mkdirSync(repo)
  await git(['init', '--quiet', '--initial-branch=main'], { cwd: repo })
  writeFileSync(join(repo, 'README.md'), '# app\n')
  await git(['add', '--all'], { cwd: repo })
  await git(['commit', '--quiet', '--message', 'The start'], { cwd: repo, env: identity })
  writeFileSync(join(folder, 'token'), 'a-token-of-the-tests-that-is-long-enough\n')
  mkdirSync(join(folder, 'data'))
  const config = (project: object = {}): Config =>
    parseConfig(
      JSON.stringify({
        server: { operatorToken: 'file:token' },
        store: { path: 'data/signalbox.db' },
        agents: { mine: { kind: 'command', command: 'exit 1' } },
        projects: [{ id: 'app', repo: './app', agent: 'mine', ...project }],
      }),
      join(folder, 'signalbox.config.json'),
    )
  return {
    folder,
    config,
    async open(given = config(), options = {}) {
      const app = await createApp(given, options)
      closing.push(() => app.stop())
      return app
    },
  }
}

/** The configuration with an agent of the Agent Client Protocol that says what is written here, once its shell has done `first`. */
export function withScript({ folder, config }: Place, project: object, script: AcpScript, first = ':'): Config {
  const given = config(project)
  const opened = { initialize: { result: { protocolVersion: 1, agentCapabilities: {} } }, 'session/new': { result: { sessionId: 's' } } }
  const agent = {
    ...given.agents['mine']!,
    ...{ kind: 'acp', model: null, effort: null, sandbox: 'workspace-write' },
    command: `${first}\nexec ${process.execPath} ${join(import.meta.dirname, '../agents/acp-script.ts')}`,
    env: { ACP_LOG: join(folder, 'acp.log'), ACP_SCRIPT: JSON.stringify({ ...opened, ...script }) },
  }
  return { ...given, agents: { mine: agent as never } }
}
