// The application as the benchmarks open it: a project of one file, no reviews, a token; and issues that wait for nobody.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { git } from '../src/actors/git.ts'
import { createApp, type App } from '../src/app.ts'
import { parseConfig } from '../src/config.ts'

export const token = 'the-token-of-the-measurement-long-enough'

export const identity = {
  GIT_AUTHOR_NAME: 'Bench',
  GIT_AUTHOR_EMAIL: 'b@localhost',
  GIT_COMMITTER_NAME: 'Bench',
  GIT_COMMITTER_EMAIL: 'b@localhost',
}

export async function makeProject(repo: string): Promise<void> {
  mkdirSync(repo, { recursive: true })
  writeFileSync(join(repo, 'README.md'), 'A project to be changed.\n')
  await git(['init', '--quiet', '--initial-branch=main'], { cwd: repo })
  await git(['add', '--all'], { cwd: repo })
  await git(['commit', '--quiet', '--message', 'first'], { cwd: repo, env: identity })
}

/** Opens an application in the folder `place`, again or for the first time; `settings` are of the configuration. */
export async function openApp(place: string, settings: Record<string, unknown>): Promise<App> {
  if (!existsSync(join(place, 'project'))) await makeProject(join(place, 'project'))
  mkdirSync(join(place, 'state'), { recursive: true })
  writeFileSync(join(place, 'token'), `${token}\n`)
  const config = { server: { operatorToken: 'file:token' }, store: { path: 'state/signalbox.db' }, ...settings }
  return createApp(parseConfig(JSON.stringify(config), join(place, 'signalbox.config.json')))
}

/** Files issues that are held, so that nobody works on them, and closes a tenth. `of` names the project of each. */
export async function fillWithIssues(app: App, count: number, of: (n: number) => string = () => 'bench'): Promise<void> {
  const body = 'The parser drops offsets after the second pass. Keep them, and use them in the messages that name a line only.'
  for (let from = 0; from < count; from += 500) {
    const filed = await Promise.all(
      Array.from({ length: Math.min(500, count - from) }, (_, i) =>
        app.submit({ title: `Keep the offset of token ${from + i}`, body, project: of(from + i), hold: true }),
      ),
    )
    await Promise.all(filed.filter((_, i) => i % 10 === 0).map(({ key }) => app.act(key, { action: 'close', as: 'done' })))
  }
}
