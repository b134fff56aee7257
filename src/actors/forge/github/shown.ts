// Shows on the pull request what its issue is doing: one check run at its head, a status where we speak with a user's token, and its answers.

import { z } from 'zod'
import { FatalError, RetryableError } from '../../../errors.ts'
import { stageOf, type Stage } from '../../../machines/issue/stage.ts'
import type { ForgeReport } from '../../ports.ts'
import type { PullRequests } from '../pull-requests.ts'
import type { Cursors } from './cursors.ts'
import type { InTurn } from '../../in-turn.ts'
import { commentOnce } from './comments.ts'
import { ownName } from './own-check.ts'
import type { GithubRepositories } from './repositories.ts'

const runSchema = z.object({
  id: z.int(),
  external_id: z.string().nullish(),
  status: z.string(),
  conclusion: z.string().nullish(),
  output: z.object({ title: z.string().nullish(), summary: z.string().nullish() }).nullish(),
})
const statusSchema = z.object({ context: z.string(), state: z.string(), description: z.string().nullish() })

const going = { conclusion: null, status: 'pending' } as const
const shownAs: Record<Stage, { conclusion: 'action_required' | 'neutral' | 'success' | null; status: 'pending' | 'failure' | 'success' }> =
  {
    waiting: going,
    working: going,
    reviewing: going,
    needs_human: { conclusion: 'action_required', status: 'failure' },
    failed: { conclusion: 'neutral', status: 'success' },
    done: { conclusion: 'success', status: 'success' },
  }
const what = `the check run ${ownName}`
/** Nobody is at work, and nobody has to decide anything. */
const halted = { conclusion: 'neutral', status: 'success' } as const
const shownOf = ({ kind, phase }: ForgeReport) => (kind === 'halt' ? halted : shownAs[stageOf(phase)])

const longestTitle = 120
const longestDescription = 140
const longestSummary = 60_000

const cut = (text: string, length: number): string => (text.length <= length ? text : `${text.slice(0, length - 1)}…`)
const firstLine = (text: string): string => text.trim().split('\n')[0] ?? ''

export function createShown(options: {
  repositories: GithubRepositories
  pullRequests: PullRequests
  inTurn: InTurn
  cursors: Cursors
  log: (level: 'warn', line: Record<string, unknown>, message: string) => void
}) {
  const { repositories, pullRequests, inTurn, cursors, log } = options
  /** Projects where we have said that nothing can be shown. */
  const silent = new Set<string>()
  /** Issues whose report was refused, once. */
  const doubted = new Set<string>()

  async function showRun(report: ForgeReport, headSha: string): Promise<void> {
    const { project, issue, text, kind } = report
    const place = await repositories.at(project)
    const { request } = repositories.client(project)
    const { conclusion } = shownOf(report)
    const title = cut(kind === 'question' ? 'A question is open' : firstLine(text), longestTitle)
    const summary = cut(text === '' ? title : text, longestSummary)
    const wanted = {
      ...{ name: ownName, external_id: issue, output: { title, summary } },
      ...(conclusion === null ? { status: 'in_progress' } : { status: 'completed', conclusion }),
    }
    await leave(issue, project, headSha)
    const [known] = await runsAt(issue, project, headSha)
    const isSame =
      known?.status === wanted.status &&
      (known.conclusion ?? null) === conclusion &&
      known.output?.title === title &&
      known.output.summary === summary
    // What has ended stays so: the next one counts in its place.
    const isNew = known === undefined || (known.status === 'completed' && conclusion === null && !isSame)
    if (isNew) await request('POST /repos/{owner}/{repo}/check-runs', { ...place, ...wanted, head_sha: headSha }, z.unknown(), { what })
    else if (!isSame) {
      const target = { ...place, ...wanted, check_run_id: known.id }
      await request('PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}', target, z.unknown(), { what })
    }
  }

  /** Those of an issue at one commit, the newest first. */
  async function runsAt(issue: string, project: string, ref: string): Promise<z.output<typeof runSchema>[]> {
    const query = { ...(await repositories.at(project)), ref, check_name: ownName, filter: 'all' }
    const all = await repositories
      .client(project)
      .pages('GET /repos/{owner}/{repo}/commits/{ref}/check-runs', query, runSchema, { what, pick: 'check_runs' })
    return all.filter(({ external_id: id }) => id === issue).toSorted((a, b) => b.id - a.id)
  }

  /**
   * What was shown at a head that the branch has left is over there. Where we are to show something is written down before it is
   * shown: it may be there although nobody has answered.
   */
  async function leave(issue: string, project: string, headSha: string): Promise<void> {
    const name = `shown ${issue}`
    const head = cursors.get(name)?.split(' ')[0]
    if (head === headSha) return
    if (head !== undefined) {
      try {
        for (const { id, status } of await runsAt(issue, project, head)) {
          if (status === 'completed') continue
          const output = { title: 'The branch has moved on', summary: `It is shown at ${headSha.slice(0, 10)}.` }
          const target = { ...(await repositories.at(project)), check_run_id: id, status: 'completed', conclusion: 'neutral', output }
          await repositories.client(project).request('PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}', target, z.unknown(), { what })
        }
      } catch (error) {
        // They went with their commit, where that is said again.
        if (!(error instanceof FatalError) || !doubted.has(issue)) throw error
      }
    }
    cursors.set(name, headSha)
  }

  async function showStatus(report: ForgeReport, headSha: string): Promise<void> {
    const { project, text, kind } = report
    const target = { ...(await repositories.at(project)), sha: headSha }
    const { request, pages } = repositories.client(project)
    const what = `the status ${ownName}`
    const state = shownOf(report).status
    const description = cut(`${kind === 'question' ? 'A question is open: ' : ''}${firstLine(text)}`, longestDescription)
    const [known] = (await pages('GET /repos/{owner}/{repo}/commits/{sha}/statuses', target, statusSchema, { what, most: 3 })).filter(
      ({ context }) => context === ownName,
    )
    if (known?.state === state && known.description === description) return
    await request('POST /repos/{owner}/{repo}/statuses/{sha}', { ...target, state, description, context: ownName }, z.unknown(), { what })
  }

  /** Whoever has asked on the pull request is answered there. */
  async function comment({ project, text, id }: ForgeReport, number: number): Promise<void> {
    if (id === undefined || text.trim() === '') return
    await commentOnce(repositories, { project, number, id: `report:${id}`, text })
  }

  return async function tell(report: ForgeReport): Promise<void> {
    await inTurn(`shown ${report.issue}`, async () => {
      const row = pullRequests.byIssue(report.issue)
      if (row === undefined || row.project !== report.project) return
      try {
        if (report.kind === 'comment') {
          if (row.state === 'open') await comment(report, row.number)
        } else await (repositories.isApp ? showRun : showStatus)(report, row.head_sha)
        doubted.delete(report.issue)
        silent.delete(report.project)
      } catch (error) {
        if (!(error instanceof FatalError)) throw error
        // Where nothing was refused before, it may be for a moment.
        if (!silent.has(report.project) && !doubted.has(report.issue)) {
          doubted.add(report.issue)
          throw new RetryableError(error.code, error.message, { cause: error, retryAfter: 1_000 })
        }
        doubted.delete(report.issue)
        // Without the permission, or the commit, there is nowhere to show it; the work goes on.
        if (!silent.has(report.project)) log('warn', { issue: report.key, project: report.project, code: error.code }, error.message)
        silent.add(report.project)
      }
    })
  }
}
