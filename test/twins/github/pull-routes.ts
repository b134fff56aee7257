// Operations on pull requests: opened, listed, changed, merged, and who is asked to review them.

import { ensureAccount } from './accounts.ts'
import { mergePull } from './merging.ts'
import { closePull, createPull, editPull, removeReviewers, reopenPull, requestReviewers, toldAlone } from './pulls.ts'
import { pullJson } from './pull-json.ts'
import { commitJson, fileJson } from './repository-json.ts'
import { canWrite } from './repositories.ts'
import { created, ok, optionalText, page, serveIn, text, texts } from './routing.ts'
import type { RepositoryCall } from './routing.ts'
import { Refusal } from './state.ts'
import type { PullRequest } from './state.ts'

serveIn('POST /repos/{owner}/{repo}/pulls', 'pull_requests:write', async (call) => {
  const pull = await createPull(
    call.world,
    call.repository,
    {
      title: text(call, 'title', 'PullRequest'),
      head: text(call, 'head', 'PullRequest'),
      base: text(call, 'base', 'PullRequest'),
      body: optionalText(call, 'body') ?? null,
      draft: call.body['draft'] === true,
    },
    call.actor(),
  )
  return created(await toldAlone(call.world, pull))
})

serveIn('GET /repos/{owner}/{repo}/pulls', 'pull_requests:read', (call) => {
  const { repository, query } = call
  const state = query.get('state') ?? 'open'
  const head = query.get('head')
  const base = query.get('base')
  // GitHub ignores a head without an owner.
  const pulls = head !== null && head.includes(':') ? [...(repository.byHead.get(head) ?? [])] : [...repository.pulls.values()]
  const found = pulls.filter((pull) => (state === 'all' || pull.state === state) && (base === null || pull.base.branch === base))
  const key = (pull: PullRequest) => (query.get('sort') === 'updated' ? pull.updatedAt : pull.number)
  const upwards = (query.get('direction') ?? (query.get('sort') === null ? 'desc' : 'asc')) === 'asc'
  found.sort((a, b) => (upwards ? key(a) - key(b) : key(b) - key(a)))
  return page(call, found, (pull) => pullJson(call.world, pull))
})

serveIn('GET /repos/{owner}/{repo}/pulls/{pull_number}', 'pull_requests:read', async (call) => ok(await toldAlone(call.world, call.pull())))

serveIn('PATCH /repos/{owner}/{repo}/pulls/{pull_number}', 'pull_requests:write', async (call) => {
  const { world, body } = call
  const pull = call.pull()
  const by = call.actor()
  mayChange(call, pull)
  const title = optionalText(call, 'title')
  const base = optionalText(call, 'base')
  editPull(
    world,
    pull,
    {
      ...(title === undefined ? {} : { title }),
      ...(body['body'] === undefined ? {} : { body: (body['body'] as string | null) ?? null }),
      ...(base === undefined ? {} : { base }),
    },
    by,
  )
  if (body['state'] === 'closed') closePull(world, pull, by)
  else if (body['state'] === 'open') reopenPull(world, pull, by)
  return ok(await toldAlone(world, pull))
})

/** Others than its author and those who may write do not change a pull request. */
function mayChange(call: RepositoryCall, pull: PullRequest): void {
  const by = call.actor()
  if (call.credential.kind === 'installation' || by === pull.author || canWrite(call.repository, by)) return
  throw new Refusal(403, 'You must have push access to the repository.')
}

serveIn('GET /repos/{owner}/{repo}/pulls/{pull_number}/files', 'pull_requests:read', async (call) => {
  const pull = call.pull()
  const { files } = await call.repository.git.compare(pull.base.sha, pull.head.sha)
  return page(call, files, (file) => fileJson(call.world, call.repository, pull.head.sha, file))
})

serveIn('GET /repos/{owner}/{repo}/pulls/{pull_number}/commits', 'pull_requests:read', async (call) => {
  const pull = call.pull()
  const { ahead } = await call.repository.git.compare(pull.base.sha, pull.head.sha)
  return page(call, ahead, async (sha) => commitJson(call.world, call.repository, await call.repository.git.commit(sha)))
})

serveIn('PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge', 'contents:write', async (call) => {
  const method = optionalText(call, 'merge_method') ?? 'merge'
  if (method !== 'merge' && method !== 'squash' && method !== 'rebase')
    throw new Refusal(422, 'Validation Failed', [{ resource: 'PullRequest', field: 'merge_method', code: 'invalid' }])
  const optional = (key: string, value: string | undefined) => (value === undefined ? {} : { [key]: value })
  const sha = await mergePull(
    call.world,
    call.pull(),
    {
      method,
      ...optional('sha', optionalText(call, 'sha')),
      ...optional('title', optionalText(call, 'commit_title')),
      ...optional('message', optionalText(call, 'commit_message')),
    },
    call.actor(),
  )
  return ok({ sha, merged: true, message: 'Pull Request successfully merged' })
})

function reviewersOf(call: RepositoryCall) {
  return texts(call.body['reviewers']).map((login) => {
    const account = call.world.accounts.get(login.toLowerCase())
    const mayRead = account !== undefined && (!call.repository.private || call.repository.roles.has(account.login))
    if (!mayRead)
      throw new Refusal(
        422,
        'Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the repository.',
      )
    return ensureAccount(call.world, login)
  })
}

serveIn('POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers', 'pull_requests:write', (call) => {
  requestReviewers(call.world, call.pull(), reviewersOf(call), call.actor())
  return created(pullJson(call.world, call.pull()))
})

serveIn('DELETE /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers', 'pull_requests:write', (call) => {
  removeReviewers(call.world, call.pull(), reviewersOf(call), call.actor())
  return ok(pullJson(call.world, call.pull()))
})
