// Commits in GraphQL, with everything that was reported on them.

import { checkRunJson, suiteStatus } from './check-json.ts'
import { latestChecks, latestStatuses, rollup } from './checks.ts'
import { connection } from './graphql-connections.ts'
import type { PageArgs } from './graphql-connections.ts'
import type { GraphqlContext } from './graphql.ts'
import { accountNode } from './graphql-nodes.ts'
import { isRequired } from './protection.ts'
import type { CheckRun, CheckSuite, Repository, Status } from './state.ts'
import { fullName, iso, nodeId } from './state.ts'

type RequiredArgs = { pullRequestNumber?: number | null }

function required(repository: Repository, name: string) {
  return ({ pullRequestNumber }: RequiredArgs): boolean => {
    const pull = repository.pulls.get(pullRequestNumber ?? 0)
    return pull !== undefined && isRequired(repository, pull.base.branch, name)
  }
}

export async function commitNode(context: GraphqlContext, repository: Repository, sha: string) {
  const commit = await repository.git.commit(sha)
  return {
    __typename: 'Commit',
    id: `C_${sha}`,
    oid: sha,
    message: commit.message,
    messageHeadline: commit.message.split('\n')[0],
    committedDate: iso(commit.committer.at),
    statusCheckRollup: () => rollupNode(context, repository, sha),
    checkSuites: (args: PageArgs) =>
      connection('checkSuites', repository.suites.get(sha) ?? [], args, (suite) => suiteNode(context, suite)),
  }
}

function rollupNode(context: GraphqlContext, repository: Repository, sha: string) {
  const state = rollup(repository, sha)
  if (state === undefined) return null
  const contexts = [
    ...latestChecks(repository, sha).map((check) => () => checkNode(context, check)),
    ...latestStatuses(repository, sha).map((status) => () => statusNode(context, repository, status)),
  ]
  return {
    id: `SCR_${sha}`,
    state: state.toUpperCase(),
    contexts: (args: PageArgs) => connection('contexts', contexts, args, (tell) => tell()),
  }
}

export function checkNode(context: GraphqlContext, check: CheckRun) {
  const { world } = context
  return {
    __typename: 'CheckRun',
    id: check.nodeId,
    databaseId: check.id,
    name: check.name,
    status: check.status.toUpperCase(),
    conclusion: check.conclusion?.toUpperCase() ?? null,
    detailsUrl: () => checkRunJson(world, check).details_url,
    url: () => checkRunJson(world, check).html_url,
    externalId: check.externalId,
    startedAt: iso(check.startedAt),
    completedAt: check.completedAt === undefined ? null : iso(check.completedAt),
    title: check.title,
    summary: check.summary,
    text: check.text,
    isRequired: required(check.repository, check.name),
    checkSuite: () => suiteNode(context, check.suite),
  }
}

function suiteNode({ world }: GraphqlContext, suite: CheckSuite) {
  const { app, repository, run } = suite
  const { status, conclusion } = suiteStatus(suite)
  return {
    id: suite.nodeId,
    databaseId: suite.id,
    status: status.toUpperCase(),
    conclusion: conclusion?.toUpperCase() ?? null,
    createdAt: iso(suite.createdAt),
    app: { id: app.nodeId, databaseId: app.id, name: app.name, slug: app.slug },
    workflowRun:
      run === undefined
        ? null
        : {
            id: run.nodeId,
            databaseId: run.id,
            runNumber: run.number,
            event: run.event,
            url: `${world.origin}/${fullName(repository)}/actions/runs/${run.id}`,
            workflow: { id: run.workflow.nodeId, databaseId: run.workflow.id, name: run.workflow.name },
            file: { id: nodeId('WFRF', run.id), path: run.workflow.path, repositoryName: run.workflow.source },
          },
  }
}

function statusNode(context: GraphqlContext, repository: Repository, status: Status) {
  return {
    __typename: 'StatusContext',
    id: nodeId('SC', status.id),
    context: status.context,
    state: status.state.toUpperCase(),
    description: status.description,
    targetUrl: status.targetUrl,
    createdAt: iso(status.at),
    creator: accountNode(context.world, status.creator),
    isRequired: required(repository, status.context),
  }
}
