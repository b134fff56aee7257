// A data folder with a project's bare repository, and the workspace on it.

import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worktree } from '../../../src/actors/ports.ts'
import { createWorkspace, type WorkspaceOptions } from '../../../src/actors/workspace/worktree.ts'
import { afterAll } from 'vitest'
import { commit, makeRepository, run, temporaryFolder, type Files } from '../repository.ts'

process.env['GIT_CONFIG_GLOBAL'] = '/dev/null'
process.env['GIT_CONFIG_NOSYSTEM'] = '1'

export const branch = 'signalbox/APP-1-greet'
export const request = { project: 'app', key: 'APP-1', branch, base: 'trunk' }

const templates = new Map<string, string>()

afterAll(() => {
  for (const template of templates.values()) rmSync(template, { recursive: true, force: true })
  templates.clear()
})

/** Made once for the same files, since each git costs milliseconds. */
function templateOf(files: Files): string {
  const key = JSON.stringify(files)
  const known = templates.get(key)
  if (known !== undefined) return known
  const template = mkdtempSync(join(tmpdir(), 'signalbox-template-'))
  makeRepository(join(template, 'user'), files)
  run(template, 'clone', '--quiet', '--bare', 'user', 'app.git')
  templates.set(key, template)
  return template
}

export function world(files: Files = { 'readme.md': 'hello\n', '.gitignore': 'ignored/\n' }, options: Partial<WorkspaceOptions> = {}) {
  const home = temporaryFolder()
  const user = join(home, 'user')
  const folder = join(home, 'data folder')
  const repository = join(folder, 'repos/app.git')
  mkdirSync(join(folder, 'repos'), { recursive: true })
  cpSync(join(templateOf(files), 'user'), user, { recursive: true })
  cpSync(join(templateOf(files), 'app.git'), repository, { recursive: true })
  const open = () => createWorkspace({ folder, prepareHook: () => null, env: {}, ...options })
  const workspace = open()
  const clone = join(folder, 'clones/app.git')
  const path = join(folder, 'worktrees/app/APP-1')

  return {
    home,
    user,
    folder,
    repository,
    clone,
    path,
    workspace,
    /** As another process would after a restart. */
    reopen: open,
    prepare: (more: Partial<Parameters<typeof workspace.prepare>[0]> = {}): Promise<Worktree> =>
      workspace.prepare({ ...request, keep: false, runId: 'run-1', ...more }),
    inspect: (since: string) => workspace.inspect({ ...request, since }),
    save: (reason = 'a test') => workspace.save({ ...request, reason }),
    remove: (landed: string | null = null) => workspace.remove({ ...request, landed }),
    /** The user commits to the base, and our repository takes it over. */
    advanceBase(changes: Files, message = 'on the base'): string {
      const head = commit(user, changes, message)
      run(repository, 'fetch', '--quiet', user, '+trunk:trunk')
      return head
    },
    /** What the forge does with a head. */
    publish(commitish = 'HEAD', to = branch): string {
      const head = run(path, 'rev-parse', commitish)
      run(clone, 'push', '--quiet', '--force', repository, `${head}:refs/heads/${to}`)
      return head
    },
    saved: (): string[] =>
      run(clone, 'for-each-ref', '--sort=version:refname', '--format=%(objectname)', 'refs/signalbox/saved/APP-1')
        .split('\n')
        .filter((line) => line !== ''),
    break: (...parts: string[]) => rmSync(join(path, ...parts), { recursive: true, force: true }),
  }
}
