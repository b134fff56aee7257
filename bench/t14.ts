// T14: the list of issues over HTTP with 10,000 of them in the database, a page of 100 at a time.

import { join } from 'node:path'
import { createServer } from '../src/server/server.ts'
import { fillWithIssues, openApp, token } from './app.ts'
import { folder } from './databases.ts'
import { figure, rounds, tell, timed, type Figure } from './measure.ts'

const issues = 10_000

/** A tenth of the issues is in another project, so that the filters have something to leave out. */
const projectOf = (n: number): string => (n % 10 === 9 ? 'other' : 'bench')

export async function measure(): Promise<Figure[]> {
  const project = (id: string) => ({ id, repo: './project', baseBranch: 'main' })
  const app = await openApp(join(folder(), 't14'), {
    agents: { none: { kind: 'command', command: 'exit 1' } },
    projects: [project('bench'), project('other')],
  })
  await fillWithIssues(app, issues, projectOf)
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
