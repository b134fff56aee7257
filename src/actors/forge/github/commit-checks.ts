// The checks of one commit as REST tells them, in the words in which a query tells those of a pull request. Pure.

import { z } from 'zod'
import type { SeenContext } from './queries.ts'

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))

export const checkRunSchema = z.object({
  id: z.int(),
  name: z.string(),
  status: z.string(),
  conclusion: z.string().nullable(),
  started_at: time.nullish(),
  completed_at: time.nullish(),
  details_url: z.string().nullish(),
  html_url: z.string().nullish(),
  external_id: z.string().nullish(),
  output: z.object({ title: z.string().nullish(), summary: z.string().nullish(), text: z.string().nullish() }).nullish(),
  check_suite: z.object({ id: z.int() }).nullish(),
  app: z.object({ id: z.int(), slug: z.string().nullish() }).nullish(),
})
export const commitStatusSchema = z.object({
  context: z.string(),
  state: z.string(),
  target_url: z.string().nullish(),
  description: z.string().nullish(),
  created_at: time,
  creator: z.object({ type: z.string() }).nullish(),
})

export const workflowRunSchema = z.object({ id: z.int(), check_suite_id: z.int(), workflow_id: z.int(), event: z.string() })

/** With the workflows of these runs, which the check runs of a commit do not tell. */
export function withWorkflows(contexts: readonly SeenContext[], runs: readonly z.output<typeof workflowRunSchema>[]): SeenContext[] {
  const known = new Map(runs.map((run) => [run.check_suite_id, run]))
  return contexts.map((context) => {
    const run = context.__typename === 'CheckRun' ? known.get(context.checkSuite.databaseId) : undefined
    if (context.__typename !== 'CheckRun' || run === undefined) return context
    const workflowRun = { databaseId: run.id, event: run.event, workflow: { databaseId: run.workflow_id } }
    return { ...context, checkSuite: { ...context.checkSuite, workflowRun } }
  })
}

export const toCheckRun = (run: z.output<typeof checkRunSchema>): SeenContext => ({
  __typename: 'CheckRun',
  databaseId: run.id,
  name: run.name,
  status: run.status.toUpperCase(),
  conclusion: run.conclusion?.toUpperCase() ?? null,
  startedAt: run.started_at ?? null,
  completedAt: run.completed_at ?? null,
  detailsUrl: run.details_url ?? null,
  url: run.html_url ?? '',
  title: run.output?.title ?? null,
  summary: run.output?.summary ?? null,
  text: run.output?.text ?? null,
  externalId: run.external_id ?? null,
  checkSuite: {
    databaseId: run.check_suite?.id ?? 0,
    app: run.app == null ? null : { slug: run.app.slug ?? '', databaseId: run.app.id },
    workflowRun: null,
  },
})

export const toStatus = (status: z.output<typeof commitStatusSchema>): SeenContext => ({
  __typename: 'StatusContext',
  context: status.context,
  state: status.state.toUpperCase(),
  targetUrl: status.target_url ?? null,
  description: status.description ?? null,
  createdAt: status.created_at,
  creator: status.creator == null ? null : { __typename: status.creator.type },
})
