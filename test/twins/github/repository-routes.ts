// Operations on a repository: itself, its branches and their rules, refs, commits and comparisons.

import { accountJson, appJson, repoApi, repoHtml } from './account-json.ts'
import { actorOf } from './auth.ts'
import { branchRules, mayPass, pushVerdict, rulesetJson, rulesFor } from './protection.ts'
import { commitJson, fileJson, fullRepositoryJson } from './repository-json.ts'
import { branchSha, moveRef, roleOf } from './repositories.ts'
import { created, notFound, nothing, ok, page, serveIn, text } from './routing.ts'
import type { RepositoryCall } from './routing.ts'
import { Refusal, branchRef } from './state.ts'
import type { Repository, World } from './state.ts'

serveIn('GET /repos/{owner}/{repo}', 'metadata:read', (call) => {
  const { credential, repository } = call
  const role = credential.kind === 'installation' ? 'write' : credential.kind === 'user' ? roleOf(repository, actorOf(credential)) : 'read'
  return ok(fullRepositoryJson(call.world, repository, role))
})

/** The commit of a name that may be a branch, a tag or a sha. */
export async function commitOf(repository: Repository, name: string): Promise<string | undefined> {
  const known = repository.refs.get(branchRef(name)) ?? repository.refs.get(`refs/${name}`) ?? repository.refs.get(`refs/tags/${name}`)
  if (known !== undefined) return known
  if (!/^[0-9a-f]{4,40}$/.test(name)) return undefined
  return repository.git.resolve(name)
}

serveIn('GET /repos/{owner}/{repo}/branches/{branch}', 'contents:read', async (call) => {
  const { world, repository } = call
  const name = call.params['branch']!
  const sha = branchSha(repository, name)
  if (sha === undefined) throw new Refusal(404, 'Branch not found')
  const classic = repository.protections.find((each) => each.kind === 'protection' && each.branch === name)
  const checks = classic?.rules.requiredChecks ?? []
  const url = `${repoApi(world, repository)}/branches/${name}`
  return ok({
    name,
    commit: commitJson(world, repository, await repository.git.commit(sha)),
    _links: { self: url, html: `${repoHtml(world, repository)}/tree/${name}` },
    protected: rulesFor(repository, name) !== undefined,
    protection: {
      enabled: classic !== undefined,
      required_status_checks: {
        enforcement_level: checks.length === 0 ? 'off' : classic?.rules.enforceAdmins === true ? 'everyone' : 'non_admins',
        contexts: checks.map((check) => check.context),
        checks: checks.map((check) => ({ context: check.context, app_id: check.appId ?? null })),
      },
    },
    protection_url: `${url}/protection`,
  })
})

/** Users and Apps of these logins. */
function namedJson(world: World, logins: readonly string[]) {
  const apps = [...world.apps.values()].filter(({ bot }) => logins.includes(bot.login))
  const users = [...world.accounts.values()].filter(({ type, login }) => type === 'User' && logins.includes(login))
  return { users: users.map((each) => accountJson(world, each)), teams: [], apps: apps.map((each) => appJson(world, each)) }
}

serveIn('GET /repos/{owner}/{repo}/branches/{branch}/protection', 'administration:read', (call) => {
  const { world, repository } = call
  const name = call.params['branch']!
  if (branchSha(repository, name) === undefined) throw new Refusal(404, 'Branch not found')
  const classic = repository.protections.find((each) => each.kind === 'protection' && each.branch === name)
  if (classic === undefined) throw new Refusal(404, 'Branch not protected')
  const { rules } = classic
  const url = `${repoApi(world, repository)}/branches/${name}/protection`
  return ok({
    url,
    ...(rules.requiredChecks === undefined
      ? {}
      : {
          required_status_checks: {
            url: `${url}/required_status_checks`,
            strict: rules.strict ?? false,
            contexts: rules.requiredChecks.map((check) => check.context),
            contexts_url: `${url}/required_status_checks/contexts`,
            checks: rules.requiredChecks.map((check) => ({ context: check.context, app_id: check.appId ?? null })),
          },
        }),
    ...(rules.requiredApprovals === undefined
      ? {}
      : {
          required_pull_request_reviews: {
            url: `${url}/required_pull_request_reviews`,
            dismiss_stale_reviews: rules.dismissStale ?? false,
            require_code_owner_reviews: rules.codeOwnerReviews ?? false,
            required_approving_review_count: rules.requiredApprovals,
            require_last_push_approval: false,
            ...(rules.bypass === undefined ? {} : { bypass_pull_request_allowances: namedJson(world, rules.bypass) }),
          },
        }),
    ...(rules.pushers === undefined
      ? {}
      : {
          restrictions: {
            ...{ url: `${url}/restrictions`, users_url: `${url}/restrictions/users`, teams_url: `${url}/restrictions/teams` },
            ...{ apps_url: `${url}/restrictions/apps`, ...namedJson(world, rules.pushers) },
          },
        }),
    enforce_admins: { url: `${url}/enforce_admins`, enabled: rules.enforceAdmins ?? false },
    required_linear_history: { enabled: rules.linearHistory ?? false },
    lock_branch: { enabled: rules.locked ?? false },
    allow_force_pushes: { enabled: rules.allowForcePushes ?? false },
    allow_deletions: { enabled: rules.allowDeletions ?? false },
    required_conversation_resolution: { enabled: rules.requireConversationResolution ?? false },
  })
})

serveIn('GET /repos/{owner}/{repo}/rules/branches/{branch}', 'metadata:read', (call) => {
  const { repository } = call
  const name = call.params['branch']!
  const sets = repository.protections.filter((each) => each.kind === 'ruleset' && (each.branch === name || each.branch === '*'))
  const source = { ruleset_source_type: 'Repository', ruleset_source: `${repository.owner.login}/${repository.name}` }
  const rules = sets.flatMap((each) => branchRules(repository, each).map((rule) => ({ ...rule, ...source, ruleset_id: each.id })))
  return page(call, rules, (rule) => rule)
})

serveIn('GET /repos/{owner}/{repo}/rulesets/{ruleset_id}', 'metadata:read', (call) => {
  const { world, repository } = call
  const found = repository.protections.find(({ kind, id }) => kind === 'ruleset' && String(id) === call.params['ruleset_id'])
  if (found === undefined) throw notFound()
  return ok({
    ...rulesetJson(world, repository, found),
    current_user_can_bypass: mayPass(found.rules, repository, call.actor()) ? 'always' : 'never',
  })
})

function refJson(world: World, repository: Repository, ref: string, sha: string) {
  const url = repoApi(world, repository)
  return {
    ref,
    node_id: `REF_${Buffer.from(ref).toString('base64url')}`,
    url: `${url}/git/${ref}`,
    object: { sha, type: 'commit', url: `${url}/git/commits/${sha}` },
  }
}

serveIn('GET /repos/{owner}/{repo}/git/ref/{ref}', 'contents:read', (call) => {
  const ref = `refs/${call.params['ref']}`
  const sha = call.repository.refs.get(ref)
  if (sha === undefined) throw notFound()
  return ok(refJson(call.world, call.repository, ref, sha))
})

/** Refuses a change of a branch that its rules forbid. */
async function permit(call: RepositoryCall, ref: string, sha: string | undefined): Promise<void> {
  if (!ref.startsWith('refs/heads/')) return
  const { repository } = call
  const verdict = pushVerdict(repository, ref.slice(11), sha, call.actor())
  if (verdict === undefined) return
  const old = repository.refs.get(ref)
  const refuse = (message: string) => new Refusal(422, `Repository rule violations found\n\n${message}`)
  if (verdict.refusal !== undefined) throw refuse(verdict.refusal)
  if (verdict.forwardOnly && sha !== undefined && old !== undefined && !(await repository.git.isAncestor(old, sha)))
    throw refuse('Cannot force-push to this branch')
  if (verdict.approved !== undefined && sha !== undefined) {
    const { parents } = await repository.git.commit(sha)
    if (!verdict.approved.includes(sha) && !verdict.approved.includes(parents[1] ?? ''))
      throw refuse('At least 1 approving review is required by reviewers with write access.')
  }
}

async function existing(call: RepositoryCall): Promise<string> {
  const sha = text(call, 'sha', 'Reference')
  const found = /^[0-9a-f]{40}$/.test(sha) ? await call.repository.git.resolve(sha) : undefined
  if (found === undefined) throw new Refusal(422, 'Object does not exist')
  return found
}

serveIn('POST /repos/{owner}/{repo}/git/refs', 'contents:write', async (call) => {
  const { world, repository } = call
  const ref = text(call, 'ref', 'Reference')
  if (!/^refs\/[^/]+\/.+/.test(ref)) throw new Refusal(422, "Reference name must start with 'refs/' and have at least two slashes.")
  const sha = await existing(call)
  if (repository.refs.has(ref)) throw new Refusal(422, 'Reference already exists')
  await permit(call, ref, sha)
  await moveRef(world, repository, ref, sha, call.actor())
  return created(refJson(world, repository, ref, sha))
})

serveIn('PATCH /repos/{owner}/{repo}/git/refs/{ref}', 'contents:write', async (call) => {
  const { world, repository } = call
  const ref = `refs/${call.params['ref']}`
  const sha = await existing(call)
  const old = repository.refs.get(ref)
  if (old === undefined) throw new Refusal(422, 'Reference does not exist')
  if (call.body['force'] !== true && !(await repository.git.isAncestor(old, sha))) throw new Refusal(422, 'Update is not a fast forward')
  await permit(call, ref, sha)
  await moveRef(world, repository, ref, sha, call.actor())
  return ok(refJson(world, repository, ref, sha))
})

serveIn('DELETE /repos/{owner}/{repo}/git/refs/{ref}', 'contents:write', async (call) => {
  const { world, repository } = call
  const ref = `refs/${call.params['ref']}`
  if (!repository.refs.has(ref)) throw new Refusal(422, 'Reference does not exist')
  if (ref === branchRef(repository.defaultBranch)) throw new Refusal(422, 'Cannot delete the default branch')
  await permit(call, ref, undefined)
  await moveRef(world, repository, ref, undefined, call.actor())
  return nothing()
})

serveIn('GET /repos/{owner}/{repo}/commits/{ref}', 'contents:read', async (call) => {
  const { world, repository } = call
  const name = call.params['ref']!
  const sha = await commitOf(repository, name)
  if (sha === undefined) throw new Refusal(422, `No commit found for SHA: ${name}`)
  const commit = await repository.git.commit(sha)
  const files = await repository.git.changes(commit.parents[0], sha)
  const additions = files.reduce((sum, file) => sum + file.additions, 0)
  const deletions = files.reduce((sum, file) => sum + file.deletions, 0)
  return ok({
    ...commitJson(world, repository, commit),
    stats: { additions, deletions, total: additions + deletions },
    files: files.map((file) => fileJson(world, repository, sha, file)),
  })
})

serveIn('GET /repos/{owner}/{repo}/compare/{basehead}', 'contents:read', async (call) => {
  const { world, repository } = call
  const ends = call.params['basehead']!.split('...')
  const [base, head] = await Promise.all(
    ends.map((name) => commitOf(repository, name.includes(':') ? name.slice(name.indexOf(':') + 1) : name)),
  )
  if (ends.length !== 2 || base === undefined || head === undefined) throw notFound()
  const { mergeBase, ahead, behind, files } = await repository.git.compare(base, head)
  if (mergeBase === undefined) throw new Refusal(404, 'No common ancestor between the two commits')
  const commits = await Promise.all(ahead.slice(0, 250).map((sha) => repository.git.commit(sha)))
  const url = `${repoApi(world, repository)}/compare/${ends.join('...')}`
  const html = `${repoHtml(world, repository)}/compare/${ends.join('...')}`
  return ok({
    url,
    html_url: html,
    permalink_url: html,
    diff_url: `${html}.diff`,
    patch_url: `${html}.patch`,
    base_commit: commitJson(world, repository, await repository.git.commit(base)),
    merge_base_commit: commitJson(world, repository, await repository.git.commit(mergeBase)),
    status: ahead.length === 0 ? (behind === 0 ? 'identical' : 'behind') : behind === 0 ? 'ahead' : 'diverged',
    ahead_by: ahead.length,
    behind_by: behind,
    total_commits: ahead.length,
    commits: commits.map((commit) => commitJson(world, repository, commit)),
    files: files.slice(0, 300).map((file) => fileJson(world, repository, head, file)),
  })
})
