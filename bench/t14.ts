// T14: the list of issues over HTTP with 10,000 of them in the database, a page of 100 at a time.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { git } from '../src/actors/git.ts'
import { createApp, type App } from '../src/app.ts'
import { parseConfig } from '../src/config.ts'
import { createServer } from '../src/server/server.ts'
import { folder } from './databases.ts'
import { figure, rounds, tell, timed, type Figure } from './measure.ts'

const issues = 10_000
const token = 'the-token-of-the-measurement-long-enough'

async function openApp(): Promise<App> {
  const place = join(folder(), 't14')
  const repo = join(place, 'project')
  mkdirSync(repo, { recursive: true })
  mkdirSync(join(place, 'state'))
  writeFileSync(join(repo, 'README.md'), 'A project to be changed.\n')
  const env = { GIT_AUTHOR_NAME: 'Bench', GIT_AUTHOR_EMAIL: 'b@localhost', GIT_COMMITTER_NAME: 'Bench', GIT_COMMITTER_EMAIL: 'b@localhost' }
  await git(['init', '--quiet', '--initial-branch=main'], { cwd: repo })
  await git(['add', '--all'], { cwd: repo })
  await git(['commit', '--quiet', '--message', 'first'], { cwd: repo, env })
  writeFileSync(join(place, 'token'), `${token}\n`)
  const project = (id: string) => ({ id, repo: './project', baseBranch: 'main' })
  const config = {
    server: { operatorToken: 'file:token' },
    store: { path: 'state/signalbox.db' },
    agents: { none: { kind: 'command', command: 'exit 1' } },
    projects: [project('bench'), project('other')],
  }
  return createApp(parseConfig(JSON.stringify(config), join(place, 'signalbox.config.json')))
}

/** Files the issues: a tenth in another project, a tenth closed, so that the filters have something to leave out. */
async function fill(app: App): Promise<void> {
  for (let from = 0; from < issues; from += 500) {
    const filed = await Promise.all(
      Array.from({ length: 500 }, (_, i) => {
        const n = from + i
        const body = 'The parser drops offsets after the second pass. Keep them, and use them in the messages that name a line only.'
        return app.submit({ title: `Keep the offset of token ${n}`, body, project: n % 10 === 9 ? 'other' : 'bench', hold: true })
      }),
    )
    await Promise.all(filed.filter((_, i) => i % 10 === 0).map(({ key }) => app.act(key, { action: 'close', as: 'done' })))
  }
}

export async function measure(): Promise<Figure[]> {
  const app = await openApp()
  await fill(app)
  const options = { host: '127.0.0.1', port: 0, publicUrl: null, operatorToken: token, metrics: 'token', version: '0' } as const
  const server = await createServer(app, options)
  const ask = async (query: string): Promise<{ issues: unknown[]; next: string | null }> => {
    const answer = await fetch(`${server.url}/api/issues?${query}`, { headers: { authorization: `Bearer ${token}` } })
    if (!answer.ok) throw new Error(`${query}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as { issues: unknown[]; next: string | null }
  }
  const queries = {
    first: 'limit=100',
    project: 'limit=100&project=other',
    done: 'limit=100&phase=done',
    none: 'limit=100&phase=deploying',
  }
  const seen: Record<string, number[]> = { page: [] }
  for (let round = 0; round < rounds; round++) {
    for (const [name, query] of Object.entries(queries)) (seen[name] ??= []).push(await timed(() => ask(query)))
    // Every page, from the first to the last.
    let cursor: string | null = ''
    let count = 0
    while (cursor !== null) {
      const from: string = cursor
      seen['page']!.push(
        await timed(async () => {
          const { issues: page, next } = await ask(`limit=100${from === '' ? '' : `&cursor=${encodeURIComponent(from)}`}`)
          count += page.length
          cursor = next
        }),
      )
    }
    if (count !== issues) throw new Error(`The pages held ${count} issues.`)
  }
  await server.close()
  await app.stop()
  const limit = { most: 100 }
  return [
    figure('T14', 'a page of 100 of 10,000 issues over HTTP', 'ms', seen['page']!, { limit }),
    figure('T14', 'the first page', 'ms', seen['first']!, { limit }),
    figure('T14', 'of one project', 'ms', seen['project']!, { limit }),
    figure('T14', 'in one phase', 'ms', seen['done']!, { limit }),
    figure('T14', 'in a phase that none is in', 'ms', seen['none']!, { limit }),
  ]
}

if (import.meta.main) tell(await measure())
