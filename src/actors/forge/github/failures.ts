// Why a check has failed, for people and agents: its best annotation, what it says itself, the step that failed, the end of its log.

import { z } from 'zod'
import { FatalError, RetryableError, withoutCredentials } from '../../../errors.ts'
import type { SqliteDatabase } from '../../../persistence/database.ts'
import type { CheckFailure } from '../../ports.ts'
import { toFailure } from '../failure.ts'
import { readTail } from './log-tail.ts'
import type { SeenCheckRun, SeenContext } from './queries.ts'
import type { GithubRepositories } from './repositories.ts'
import { jobOf, nameOf, reportOf } from './standing.ts'

const annotationSchema = z.object({
  path: z.string().nullish(),
  start_line: z.int().nullish(),
  annotation_level: z.string().nullish(),
  title: z.string().nullish(),
  message: z.string().nullish(),
})
type Annotation = z.output<typeof annotationSchema>

const jobSchema = z.object({
  name: z.string(),
  steps: z.array(z.object({ name: z.string(), conclusion: z.string().nullable() })).default([]),
})

const longestSummary = 240
/** Of a hundred annotations each. */
const mostPages = 10
const logBytes = 64 * 1024
/** GitHub tells of the end of a job some seconds before it can hand out its log: one that has not come after so long does not come. */
const logDelay = 2 * 60_000
const logPause = 5_000
/** The code of the error that is thrown meanwhile. */
export const lateLog = 'github-log-late'
/** Rows of failures that are kept, so that what nobody asks about any more goes. In milliseconds. */
const kept = 30 * 86_400_000

/** What says nothing about the change: the runner's own words. */
const noise =
  /^(process completed with exit code \d+\.?|the (operation was canceled|job running on runner .*)\.?.*|.*node\.?js \d+ (actions|is deprecated).*|.*the following actions (use|target|uses) .*|.*set-output.* command is deprecated.*)$/i
const telling = /error|assert|expect|fail|cannot|not found|undefined|exception|panic/i

/** How much an annotation says about why the check has failed; 0 for noise. */
export function scoreOf({ path, annotation_level: level, message, title }: Annotation): number {
  const text = `${title ?? ''} ${message ?? ''}`.trim()
  if (text === '' || noise.test((message ?? '').trim().split('\n')[0] ?? '')) return 0
  const isOfCode = path != null && path !== '' && !path.startsWith('.github')
  return 1 + (level === 'failure' ? 2 : 0) + (isOfCode ? 2 : 0) + (telling.test(text) ? 1 : 0)
}

const textOf = ({ path, start_line: line, message, title }: Annotation): string => {
  const place = path == null || path === '' || path.startsWith('.github') ? '' : `${path}${line == null ? '' : `:${line}`}: `
  return `${place}${message?.trim() || title?.trim() || ''}`
}

/** Without what may be a secret, on one line. */
const redacted = (text: string): string =>
  withoutCredentials(text)
    .replaceAll(
      /\b(gh[opusr]_[A-Za-z0-9]{10,}|github_pat_\w{10,}|xox[abprs]-[\w-]{10,}|AKIA[A-Z0-9]{16}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+)\b/g,
      '[secret]',
    )
    .replaceAll(/\b(bearer|token|password|secret|api[_-]?key)(["']?\s*[:=]\s*["']?|\s+)(?=\S*\d)[^\s"']{12,}/gi, '$1$2[secret]')

const line = (text: string): string => {
  const one = redacted(text).replaceAll(/\s+/g, ' ').trim()
  return one.length <= longestSummary ? one : `${one.slice(0, longestSummary - 1).trimEnd()}…`
}

export function createFailures(options: { repositories: GithubRepositories; database: SqliteDatabase; now: () => number }) {
  const { repositories, database, now } = options
  const get = database.prepare<[string, string], { failure: string }>('SELECT failure FROM github_failure WHERE project = ? AND run = ?')
  const put = database.prepare<[string, string, string, number]>(
    'INSERT INTO github_failure (project, run, failure, at) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET failure = excluded.failure, at = excluded.at',
  )
  const prune = database.prepare<[number]>('DELETE FROM github_failure WHERE at < ?')

  /** What may have been deleted, or is not shown to us, is not there. */
  const optional = <T>(asking: Promise<T>, otherwise: T): Promise<T> =>
    asking.catch((error: unknown) => {
      if (error instanceof FatalError && ['github-not-found', 'github-forbidden'].includes(error.code)) return otherwise
      throw error
    })

  /** Our clock may be behind that of GitHub; one that is far from it is no measure, and nothing is waited for. */
  const hasJustEnded = ({ completedAt }: SeenCheckRun): boolean => completedAt !== null && Math.abs(now() - completedAt) < logDelay

  async function ofCheckRun(project: string, run: SeenCheckRun): Promise<CheckFailure> {
    const client = repositories.client(project)
    const place = await repositories.at(project)
    const job = jobOf(run)
    const id = run.databaseId ?? job
    const [annotations, steps, log] = await Promise.all([
      id === null
        ? []
        : optional(
            client.pages(
              'GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations',
              { ...place, check_run_id: id },
              annotationSchema,
              {
                what: `the annotations of ${run.name}`,
                most: mostPages,
              },
            ),
            [],
          ),
      job === null
        ? []
        : optional(
            client
              .request('GET /repos/{owner}/{repo}/actions/jobs/{job_id}', { ...place, job_id: job }, jobSchema, {
                what: `the job of ${run.name}`,
              })
              .then((told) => told.steps),
            [],
          ),
      job === null ? '' : optional(readTail(client, { ...place, job_id: job }, logBytes, `the log of ${run.name}`), ''),
    ])
    // Without a step the job has not begun, or is not shown to us: no log will come.
    if (log === '' && steps.length > 0 && hasJustEnded(run))
      throw new RetryableError(lateLog, `GitHub has no log of ${run.name} yet, which has just ended.`, { retryAfter: logPause })
    const ranked = annotations.map((annotation) => ({ annotation, score: scoreOf(annotation) })).toSorted((a, b) => b.score - a.score)
    const [best] = ranked
    const output = [run.title, run.summary].filter((text) => text != null && text.trim() !== '').join(': ')
    const step = steps.find(({ conclusion }) => conclusion === 'failure' || conclusion === 'timed_out')
    const conclusion = (run.conclusion ?? 'failure').toLowerCase().replaceAll('_', ' ')
    const summary =
      best !== undefined && best.score > 0
        ? textOf(best.annotation)
        : output !== ''
          ? output
          : step !== undefined
            ? `the step '${step.name}' failed`
            : annotations[0] !== undefined
              ? textOf(annotations[0])
              : `ended with ${conclusion}`
    const said = log !== '' ? uptoError(log) : [output, run.text ?? '', ...annotations.map(textOf)].filter((text) => text !== '').join('\n')
    const failure = toFailureOf({
      name: run.name,
      ending: `ended with ${conclusion}`,
      output: said,
      url: run.detailsUrl ?? run.url,
      summary,
    })
    const told = ranked.filter(({ score }) => score > 0).map(({ annotation }) => line(textOf(annotation)))
    return told.length < 2 ? failure : { ...failure, annotations: told }
  }

  return {
    /** What a failed context says. Asked for once for each of its ends. Throws as the client, and RetryableError `github-log-late`. */
    async of(project: string, context: SeenContext): Promise<CheckFailure> {
      const run = reportOf(context)
      const known = get.get(project, run)
      if (known !== undefined) return JSON.parse(known.failure) as CheckFailure
      const failure = context.__typename === 'CheckRun' ? await ofCheckRun(project, context) : ofStatus(context)
      prune.run(now() - kept)
      put.run(project, run, JSON.stringify(failure), now())
      return failure
    },
  }
}

export type Failures = ReturnType<typeof createFailures>

function ofStatus(status: Extract<SeenContext, { __typename: 'StatusContext' }>): CheckFailure {
  const said = status.description ?? ''
  const ending = `reported ${status.state.toLowerCase()}`
  return toFailureOf({ name: nameOf(status), ending, output: said, url: status.targetUrl, summary: said === '' ? ending : said })
}

function toFailureOf(check: { name: string; ending: string; output: string; url: string | null; summary: string }): CheckFailure {
  const { summary, ...rest } = check
  const failure = toFailure({ ...rest, output: redacted(check.output), folder: '\0' })
  return { ...failure, summary: line(`${check.name}: ${summary}`) }
}

/** The log as far as its last error, without what the runner puts before each line: what comes after is tidying up. */
function uptoError(log: string): string {
  const lines = log
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((text) => text.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z /, ''))
  const last = lines.findLastIndex((text) => text.startsWith('##[error]'))
  return (last === -1 ? lines : lines.slice(0, last + 1)).join('\n')
}
