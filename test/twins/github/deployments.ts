// Deployments, as far as they are told: a status of one that somebody else made.

import { accountJson, repoApi } from './account-json.ts'
import { announce } from './events.ts'
import type { Account, Repository, World } from './state.ts'
import { iso } from './state.ts'

export type DeploymentState = 'pending' | 'queued' | 'in_progress' | 'success' | 'failure' | 'error'

/** Tells that a deployment of a commit has come so far. */
export function tellDeployment(
  world: World,
  repository: Repository,
  sha: string,
  environment: string,
  state: DeploymentState,
  by: Account,
): void {
  const id = world.nextId()
  const statusId = world.nextId()
  const url = `${repoApi(world, repository)}/deployments/${id}`
  const now = iso(world.clock.now())
  const times = {
    created_at: now,
    updated_at: now,
    repository_url: repoApi(world, repository),
    creator: accountJson(world, by),
    performed_via_github_app: null,
  }
  announce(world, repository, 'deployment_status', 'created', by, () => ({
    deployment: {
      ...times,
      url,
      id,
      node_id: `DE_${id}`,
      task: 'deploy',
      original_environment: environment,
      environment,
      description: null,
      statuses_url: `${url}/statuses`,
      sha,
      ref: repository.defaultBranch,
      payload: {},
      transient_environment: false,
      production_environment: environment === 'production',
    },
    deployment_status: {
      ...times,
      url: `${url}/statuses/${statusId}`,
      id: statusId,
      node_id: `DES_${statusId}`,
      state,
      description: '',
      environment,
      target_url: `https://${environment}.example.com/`,
      deployment_url: url,
      environment_url: `https://${environment}.example.com/`,
      log_url: `https://${environment}.example.com/log`,
    },
  }))
}
