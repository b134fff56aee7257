// GraphQL of the twin: every field that the pruned schema keeps is told, pages follow cursors, and errors have GitHub's form.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSchema, getNamedType, isAbstractType, isLeafType, isObjectType } from 'graphql'
import type { GraphQLField, GraphQLNamedType, GraphQLSchema } from 'graphql'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createGithubWorld } from './github-world.ts'
import type { GithubWorld } from './github-world.ts'
import type { PullRequest } from './github.ts'

const schema = buildSchema(readFileSync(join(import.meta.dirname, 'github/schema.graphql'), 'utf8'))

let world: GithubWorld
let pull: PullRequest

beforeAll(async () => {
  world = await createGithubWorld({ repository: { settings: { autoMerge: true } } })
  const { twin, repository } = world
  const hour = 3_600_000
  twin.ci(repository, (_sha, _read, { event }) => [
    { name: 'test', delay: event === 'merge_group' ? hour : 0 },
    { name: 'lint' },
    { name: 'slow', delay: hour },
  ])
  twin.ruleset(repository, 'main', { requiredChecks: [{ context: 'test' }], mergeQueue: {} })
  const alice = twin.as('alice')
  await alice.push(repository, 'change', { 'src/price.ts': 'export const price = 5\nexport const tax = 2\n' })
  pull = await alice.open(repository, { head: 'change', base: 'main', title: 'Change' })
  await alice.push(repository, 'change', { 'src/price.ts': 'export const price = 6\nexport const tax = 2\n' }, { force: true })
  twin.as('root').label(pull, 'queue')
  twin.as('root').requestReview(pull, twin.account('rita'))
  await twin.as('root').requestChanges(pull, 'No.', [{ path: 'src/price.ts', line: 1, body: 'Six?' }])
  twin.as('root').comment(pull, 'Hm.')
  await alice.status(repository, pull.head.sha, 'preview', 'success')
  await twin.settled()
  await alice.enqueue(pull)
  await twin.settled()
})
afterAll(() => world.close())

const tryGraphql = async (query: string, variables: Record<string, unknown> = {}) => {
  const headers = { authorization: `bearer ${await world.token()}` }
  const answer = await fetch(world.twin.graphqlUrl, { method: 'POST', headers, body: JSON.stringify({ query, variables }) })
  const body = (await answer.json()) as { data?: any; errors?: { type?: string; message: string; path?: string[] }[] }
  return { status: answer.status, body }
}

/** A selection of everything below a type, as deep as told. */
function everything(of: GraphQLSchema, type: GraphQLNamedType, depth: number, skip: Set<string>): string {
  const fields = (owner: GraphQLNamedType): string => {
    if (!isObjectType(owner)) return ''
    return Object.values(owner.getFields())
      .filter((field) => depth > 0 || isLeafType(getNamedType(field.type)))
      .filter((field) => !skip.has(`${owner.name}.${field.name}`))
      .map((field) => selection(owner, field))
      .join(' ')
  }
  const selection = (owner: GraphQLNamedType, field: GraphQLField<unknown, unknown>): string => {
    const args = field.args.flatMap((argument) =>
      argument.name === 'first' ? ['first: 5'] : argument.name === 'pullRequestNumber' ? [`pullRequestNumber: ${pull.number}`] : [],
    )
    const inner = getNamedType(field.type)
    const below = isLeafType(inner) ? '' : ` { ${everything(of, inner, depth - 1, new Set([...skip, `${owner.name}.${field.name}`]))} }`
    // Alternatives may have fields of one name and different types: each has a name of its own.
    return `${owner.name}_${field.name}: ${field.name}${args.length === 0 ? '' : `(${args.join(', ')})`}${below}`
  }
  if (!isAbstractType(type)) return `__typename ${fields(type)}`
  return `__typename ${of
    .getPossibleTypes(type)
    .map((each) => `... on ${each.name} { ${fields(each)} }`)
    .join(' ')}`
}

describe('GraphQL of the GitHub twin', () => {
  it('tells every field that the schema keeps of a pull request in full life', async () => {
    const type = schema.getType('PullRequest')!
    const skip = new Set(['Repository.pullRequest', 'Repository.ref', 'Repository.pullRequests'])
    const { body } = await tryGraphql(`query($id: ID!) { node(id: $id) { ... on PullRequest { ${everything(schema, type, 4, skip)} } } }`, {
      id: pull.nodeId,
    })
    expect(body.errors).toBeUndefined()
    expect(JSON.stringify(body.data).length).toBeGreaterThan(10_000)
  })

  it('tells of a repository, its refs, its queue and the limit', async () => {
    const query = `query($owner: String!, $name: String!) {
      viewer { login } rateLimit { limit remaining cost resetAt }
      repository(owner: $owner, name: $name) {
        autoMergeAllowed viewerPermission isPrivate
        ref(qualifiedName: "refs/heads/change") { name target { oid } }
        missing: ref(qualifiedName: "refs/heads/none") { name }
        mergeQueue(branch: "main") { entries(first: 5) { totalCount nodes { position pullRequest { number } } } }
        pullRequests(headRefName: "change", states: [OPEN], first: 1) { nodes { number } pageInfo { hasNextPage } }
      } }`
    const { body } = await tryGraphql(query, { owner: 'acme', name: 'shop' })
    expect(body).toEqual({
      data: {
        viewer: { login: 'signalbox' },
        rateLimit: expect.objectContaining({ limit: 10_000 }) as unknown,
        repository: {
          autoMergeAllowed: true,
          viewerPermission: 'WRITE',
          isPrivate: true,
          ref: { name: 'change', target: { oid: pull.head.sha } },
          missing: null,
          mergeQueue: { entries: { totalCount: 1, nodes: [{ position: 1, pullRequest: { number: pull.number } }] } },
          pullRequests: { nodes: [{ number: pull.number }], pageInfo: { hasNextPage: false } },
        },
      },
    })
  })

  it('pages the checks of the last commit, and says which are required', async () => {
    const query = `query($id: ID!, $after: String) { node(id: $id) { ... on PullRequest { commits(last: 1) { nodes { commit { statusCheckRollup { state
      contexts(first: 2, after: $after) { pageInfo { hasNextPage endCursor } nodes { ... on CheckRun { name isRequired(pullRequestNumber: ${pull.number}) } ... on StatusContext { context isRequired(pullRequestNumber: ${pull.number}) } } } } } } } } } }`
    const seen: unknown[] = []
    let after: string | null = null
    do {
      const { body } = await tryGraphql(query, { id: pull.nodeId, after })
      const { state, contexts } = body.data.node.commits.nodes[0].commit.statusCheckRollup
      expect(state).toBe('PENDING')
      seen.push(...contexts.nodes)
      after = contexts.pageInfo.hasNextPage ? contexts.pageInfo.endCursor : null
    } while (after !== null)
    expect(seen).toEqual([
      { name: 'test', isRequired: true },
      { name: 'lint', isRequired: false },
      { name: 'slow', isRequired: false },
      { context: 'preview', isRequired: false },
    ])
  })

  it('changes threads, drafts, the queue and automatic merges', async () => {
    const thread = pull.threads[0]!
    const change = async (name: string, input: string, select: string) =>
      (await tryGraphql(`mutation { ${name}(input: { ${input} }) { ${select} } }`)).body.data[name]
    expect(
      await change(
        'addPullRequestReviewThreadReply',
        `pullRequestReviewThreadId: "${thread.id}", body: "Because."`,
        'comment { body replyTo { body } }',
      ),
    ).toEqual({ comment: { body: 'Because.', replyTo: { body: 'Six?' } } })
    expect(await change('resolveReviewThread', `threadId: "${thread.id}"`, 'thread { isResolved resolvedBy { login } }')).toEqual({
      thread: { isResolved: true, resolvedBy: { login: 'signalbox' } },
    })
    expect(await change('unresolveReviewThread', `threadId: "${thread.id}"`, 'thread { isResolved }')).toEqual({
      thread: { isResolved: false },
    })
    const again = await tryGraphql(`mutation { enqueuePullRequest(input: { pullRequestId: "${pull.nodeId}" }) { mergeQueueEntry { id } } }`)
    expect(again.body.errors).toMatchObject([
      { type: 'UNPROCESSABLE', path: ['enqueuePullRequest'], message: 'Pull request is already in the queue' },
    ])
    expect(await change('dequeuePullRequest', `id: "${pull.nodeId}"`, 'mergeQueueEntry { pullRequest { number } }')).toEqual({
      mergeQueueEntry: { pullRequest: { number: pull.number } },
    })
    expect(
      await change('convertPullRequestToDraft', `pullRequestId: "${pull.nodeId}"`, 'pullRequest { isDraft mergeStateStatus }'),
    ).toEqual({ pullRequest: { isDraft: true, mergeStateStatus: 'DRAFT' } })
    expect(await change('markPullRequestReadyForReview', `pullRequestId: "${pull.nodeId}"`, 'pullRequest { isDraft }')).toEqual({
      pullRequest: { isDraft: false },
    })
    const clean = await tryGraphql(
      `mutation { enablePullRequestAutoMerge(input: { pullRequestId: "${pull.nodeId}" }) { clientMutationId } }`,
    )
    expect(clean.body.errors).toMatchObject([{ type: 'UNPROCESSABLE', message: 'Pull request is in clean status' }])
    await world.twin.settled()
  })

  it('answers what is not there, not allowed and not known as GitHub does', async () => {
    const missing = await tryGraphql('{ repository(owner: "acme", name: "none") { id } }')
    expect(missing).toEqual({
      status: 200,
      body: {
        data: { repository: null },
        errors: [
          {
            type: 'NOT_FOUND',
            path: ['repository'],
            locations: [{ line: 1, column: 3 }],
            message: "Could not resolve to a Repository with the name 'acme/none'.",
          },
        ],
      },
    })
    expect((await tryGraphql('{ node(id: "nothing") { id } }')).body.errors).toMatchObject([{ type: 'NOT_FOUND' }])
    expect((await tryGraphql('{ viewer { loggin } }')).body.errors?.[0]?.message).toMatch(/loggin/)
    expect(
      (await tryGraphql(`{ repository(owner: "acme", name: "shop") { pullRequests(first: 101) { totalCount } } }`)).body.errors,
    ).toMatchObject([{ type: 'EXCESSIVE_PAGINATION' }])
    world.twin.setPermissions(world.installation, { contents: 'read' })
    const { data: token } = await world.asApp.apps.createInstallationAccessToken({ installation_id: world.installation.id })
    const answer = await fetch(world.twin.graphqlUrl, {
      method: 'POST',
      headers: { authorization: `token ${token.token}` },
      body: JSON.stringify({ query: `mutation { enqueuePullRequest(input: { pullRequestId: "${pull.nodeId}" }) { clientMutationId } }` }),
    })
    expect(await answer.json()).toMatchObject({ errors: [{ type: 'FORBIDDEN', message: 'Resource not accessible by integration' }] })
    await world.twin.settled()
  })
})
