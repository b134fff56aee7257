// Watches the workflow that deploys a landed commit, until it has ended.

import { z } from 'zod'
import type { ProjectConfig } from '../../../config.ts'
import { FatalError } from '../../../errors.ts'
import type { Deployment } from '../../ports.ts'
import type { GithubRepositories } from './repositories.ts'
import type { Watch } from './watch.ts'

const workflowSchema = z.object({ id: z.int(), name: z.string(), path: z.string() })
const runSchema = z.object({
  id: z.int(),
  status: z.string().nullable(),
  conclusion: z.string().nullable(),
  html_url: z.string(),
  head_sha: z.string(),
  run_number: z.int(),
})
type Run = z.output<typeof runSchema>
const jobSchema = z.object({
  name: z.string(),
  conclusion: z.string().nullable(),
  steps: z.array(z.object({ name: z.string(), conclusion: z.string().nullable() })).default([]),
})

const passing = new Set(['success', 'neutral', 'skipped'])

export function createDeployments(options: {
  repositories: GithubRepositories
  projects: readonly Pick<ProjectConfig, 'id' | 'deploy'>[]
  watch: Watch
  /** Milliseconds between two looks. */
  pause: number
  now: () => number
}) {
  const { repositories, projects, watch, pause, now } = options

  /** By its file, or by its name. */
  async function idOf(project: string, workflow: string): Promise<number> {
    const all = await repositories
      .client(project)
      .pages('GET /repos/{owner}/{repo}/actions/workflows', await repositories.at(project), workflowSchema, {
        what: `the workflows of ${project}`,
        pick: 'workflows',
      })
    const found = all.find(({ name, path }) => path === workflow || path.endsWith(`/${workflow}`) || name === workflow)
    if (found === undefined) {
      const names = all.map(({ path }) => path.split('/').at(-1)).join(', ')
      throw new FatalError(
        'no-deployment',
        `There is no workflow ${workflow} in the repository of ${project}. There are: ${names || 'none'}. Set deploy.workflow.`,
      )
    }
    return found.id
  }

  async function runsOf(project: string, workflow: number, query: Record<string, string>, signal: AbortSignal | undefined): Promise<Run[]> {
    const place = await repositories.at(project)
    const found = await repositories
      .client(project)
      .pages('GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs', { ...place, workflow_id: workflow, ...query }, runSchema, {
        what: `the runs of the deployment of ${project}`,
        pick: 'workflow_runs',
        most: 1,
        signal,
      })
    return found.toSorted((a, b) => b.run_number - a.run_number)
  }

  /** A run that was called off for a later one: that one deploys this commit too, if it has it. */
  async function successorOf(project: string, workflow: number, run: Run, signal: AbortSignal | undefined): Promise<Run | undefined> {
    const later = (await runsOf(project, workflow, {}, signal)).filter(
      ({ run_number: number, conclusion }) => number > run.run_number && conclusion !== 'cancelled',
    )
    for (const other of later.toReversed()) {
      const target = { ...(await repositories.at(project)), basehead: `${run.head_sha}...${other.head_sha}`, per_page: 1 }
      const { behind_by: behind } = await repositories
        .client(project)
        .request('GET /repos/{owner}/{repo}/compare/{basehead}', target, z.object({ behind_by: z.int() }), {
          what: 'the comparison of two deployments',
          signal,
        })
      if (behind === 0) return other
    }
    return undefined
  }

  async function reasonOf(project: string, name: string, run: Run): Promise<string> {
    const jobs = await repositories
      .client(project)
      .pages('GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs', { ...(await repositories.at(project)), run_id: run.id }, jobSchema, {
        what: 'the jobs of a deployment',
        pick: 'jobs',
        most: 2,
      })
      .catch(() => []) // why it failed is less than that it did
    const job = jobs.find(({ conclusion }) => conclusion !== null && !passing.has(conclusion))
    const step = job?.steps.find(({ conclusion }) => conclusion !== null && !passing.has(conclusion))
    const where = job === undefined ? '' : `: ${job.name}${step === undefined ? '' : `, step '${step.name}'`}`
    return `${name} ended with ${(run.conclusion ?? 'no conclusion').replaceAll('_', ' ')}${where}`
  }

  return async function deployment({ project, sha, signal }: { project: string; sha: string; signal?: AbortSignal }): Promise<Deployment> {
    const { workflow, timeout } = projects.find(({ id }) => id === project)?.deploy ?? { workflow: null, timeout: 0 }
    if (workflow === null) throw new FatalError('no-deployment', `The project '${project}' names no deploy.workflow any more.`)
    const id = await idOf(project, workflow)
    const since = now()
    let followed: Run | undefined
    for (;;) {
      const runs = await runsOf(project, id, followed === undefined ? { head_sha: sha } : {}, signal)
      // One that was called off decides nothing: the run before it does, where there is one.
      const newest = runs.find(({ conclusion }) => conclusion !== 'cancelled') ?? runs[0]
      const found = followed === undefined ? newest : runs.find((run) => run.id === followed!.id)
      if (found?.conclusion === 'cancelled') {
        const successor = await successorOf(project, id, found, signal)
        if (successor !== undefined) {
          followed = successor
          continue
        }
      }
      if (found?.status === 'completed') {
        const url = found.html_url
        if (passing.has(found.conclusion ?? '')) return { state: 'succeeded', url, reason: '' }
        return { state: 'failed', url, reason: await reasonOf(project, workflow, found) }
      }
      if (now() - since >= timeout) {
        const minutes = Math.round(timeout / 60_000)
        if (found === undefined)
          throw new FatalError('no-deployment', `${workflow} has not run for ${sha.slice(0, 10)} within ${minutes} minutes.`)
        return { state: 'failed', url: found.html_url, reason: `${workflow} has not ended within ${minutes} minutes` }
      }
      await watch.wait(`deployment ${project}`, pause, signal)
    }
  }
}
