// Review threads: each point that reviewers have made is answered and resolved, and those who asked for changes are asked to look again.

import { z } from 'zod'
import { FatalError } from '../../../errors.ts'
import { git } from '../../git.ts'
import type { Finding, PublishInput } from '../../ports.ts'
import type { OpenRepository } from '../repository.ts'
import { commentOnce } from './comments.ts'
import type { Loader } from './loader.ts'
import { marker, withoutMarkers } from './markers.ts'
import type { SeenPullRequest } from './queries.ts'
import type { GithubRepositories } from './repositories.ts'
import { isObjection, isSelf } from './verdicts.ts'

const author = z.object({ __typename: z.string(), login: z.string() }).nullable()
const comment = z.object({ id: z.string(), body: z.string(), author })
const firstComment = comment.extend({
  url: z.string(),
  path: z.string(),
  line: z.int().nullable(),
  originalLine: z.int().nullable(),
  originalCommit: z.object({ oid: z.string() }).nullable(),
})
const thread = z.object({
  id: z.string(),
  isResolved: z.boolean(),
  first: z.object({ nodes: z.array(firstComment) }),
  comments: z.object({ nodes: z.array(comment) }),
})
type Thread = z.output<typeof thread>
const page = z.object({
  node: z
    .object({
      reviewThreads: z.object({
        pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }),
        nodes: z.array(thread),
      }),
      reviewRequests: z.object({
        nodes: z.array(z.object({ requestedReviewer: z.object({ __typename: z.string(), login: z.string().optional() }).nullable() })),
      }),
    })
    .nullable(),
})

const threadsQuery = `
query ($id: ID!, $after: String) {
  node(id: $id) {
    ... on PullRequest {
      reviewThreads(first: 100, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes {
          id isResolved
          first: comments(first: 1) { nodes { id url path line originalLine body author { __typename login } originalCommit { oid } } }
          comments(last: 50) { nodes { id body author { __typename login } } }
        }
      }
      reviewRequests(first: 100) { nodes { requestedReviewer { __typename ... on User { login } ... on Bot { login } } } }
    }
  }
}`
const reply = `mutation ($thread: ID!, $body: String!) {
  addPullRequestReviewThreadReply(input: { pullRequestReviewThreadId: $thread, body: $body }) { clientMutationId }
}`
const resolve = `mutation ($thread: ID!) { resolveReviewThread(input: { threadId: $thread }) { clientMutationId } }`
const mostPages = 10

/** What stands in the review threads. */
export interface Standing {
  /** Comments that ask for nothing by themselves: those of resolved threads, and what an opener has added to an open one. */
  settled: Set<string>
  /** The points that each person has made and that are not resolved, oldest first, each with what has been said to it since. */
  points: Map<string, Finding[]>
}

/** A point that was to be answered by `text`. Where it is, its thread could not be resolved. */
interface Refused {
  thread: Thread
  text: string
  isAnswered: boolean
  error: FatalError
}

/** `line` is null where the change no longer has it: then it is the one that it was said of. */
const toPoint = (
  { id, path, line, originalLine, body }: z.output<typeof firstComment>,
  replies: NonNullable<Finding['replies']>,
): Finding => ({
  ...{ path, line: line ?? originalLine, body, id },
  ...(replies.length === 0 ? {} : { replies }),
})

/** A reviewer waits for the answer to each point: one refusal may be a mistake. */
async function refusalOf(work: () => Promise<unknown>): Promise<FatalError | null> {
  for (let again = false; ; again = true) {
    try {
      await work()
      return null
    } catch (error) {
      if (!(error instanceof FatalError)) throw error
      if (again) return error
    }
  }
}

export type Threads = ReturnType<typeof createThreads>

export function createThreads(options: { repositories: GithubRepositories; loader: Loader; open: OpenRepository }) {
  const { repositories, loader, open } = options

  async function read(project: string, id: string): Promise<{ threads: Thread[]; requested: Set<string> }> {
    const threads: Thread[] = []
    const requested = new Set<string>()
    for (let after: string | null = null, n = 0; n < mostPages; n += 1) {
      const answer: z.output<typeof page> = await repositories
        .client(project)
        .graphql(threadsQuery, { id, after }, page, { what: 'the review threads' })
      if (answer.node === null) break
      threads.push(...answer.node.reviewThreads.nodes)
      for (const { requestedReviewer } of answer.node.reviewRequests.nodes)
        if (requestedReviewer?.login !== undefined) requested.add(requestedReviewer.login)
      after = answer.node.reviewThreads.pageInfo.endCursor
      if (!answer.node.reviewThreads.pageInfo.hasNextPage) break
    }
    return { threads, requested }
  }

  /** One reply in the thread, and it is resolved. Idempotent by (thread, head). */
  async function answerThread(project: string, thread: Thread, head: string, text: string): Promise<Refused | null> {
    const { graphql } = repositories.client(project)
    const { id, isResolved, comments } = thread
    const mark = marker(`thread:${id}:${head.slice(0, 12)}`)
    const what = 'the answer in a review thread'
    const answer = (): Promise<unknown> => graphql(reply, { thread: id, body: `${text}\n\n${mark}` }, z.unknown(), { what, asks: false })
    const close = (): Promise<unknown> =>
      graphql(resolve, { thread: id }, z.unknown(), { what: 'the resolution of a review thread', asks: false })
    const isAnswered = comments.nodes.some(({ body }) => body.includes(mark))
    const unanswered = isAnswered ? null : await refusalOf(answer)
    if (unanswered !== null) return { thread, text, isAnswered: false, error: unanswered }
    const unresolved = isResolved ? null : await refusalOf(close)
    return unresolved === null ? null : { thread, text, isAnswered: true, error: unresolved }
  }

  /** What could not be said where it belongs, in one comment for this head. */
  async function tellRefused(
    { project, head }: Pick<PublishInput, 'project' | 'head'>,
    number: number,
    { refused, people, unasked }: { refused: readonly Refused[]; people: readonly string[]; unasked: FatalError | null },
  ): Promise<void> {
    if (refused.length === 0 && unasked === null) return
    const lines = refused.map(({ thread: { first }, text, isAnswered, error }) => {
      const { url, path, line, originalLine, author: by } = first.nodes[0]!
      const at = line ?? originalLine
      const whose = by === null ? '' : ` of ${by.__typename === 'User' ? '@' : ''}${by.login}`
      const said = isAnswered ? 'It is answered there, and the thread stays open.' : text.replaceAll('\n', '\n  ')
      return `- [\`${path}${at === null ? '' : `:${at}`}\`](${url})${whose}: ${said}\n  (${error.message})`
    })
    if (unasked !== null) lines.push(`- Please look again: ${people.map((login) => `@${login}`).join(', ')}.\n  (${unasked.message})`)
    const text = `Not everything about ${head.slice(0, 10)} could be said where it was asked for:\n\n${lines.join('\n')}`
    await commentOnce(repositories, { project, number, id: `unanswered:${head.slice(0, 12)}`, text })
  }

  /** When the first commit that answers something was made: what was asked for later is not answered by it. Null: nothing is known. */
  async function begunAt({ project, expected, head }: PublishInput): Promise<number | null> {
    const { path } = await open(project)
    const { exitCode, stdout } = await git(['log', '--no-merges', '--format=%at', `${expected}..${head}`], { cwd: path, allow: [0, 128] })
    const times = stdout.split('\n').filter((line) => line !== '')
    return exitCode !== 0 || times.length === 0 ? null : Math.min(...times.map(Number)) * 1_000
  }

  async function askAgain(project: string, number: number, logins: readonly string[]): Promise<void> {
    if (logins.length === 0) return
    const target = { ...(await repositories.at(project)), pull_number: number, reviewers: logins }
    await repositories
      .client(project)
      .request('POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers', target, z.unknown(), {
        what: `the request for another review of #${number}`,
      })
      .catch((error: unknown) => {
        // Who has left the repository cannot be asked: the change is answered all the same.
        if (!(error instanceof FatalError) || error.code !== 'github-refused') throw error
      })
  }

  const objectionsOf = (seen: SeenPullRequest, head: string) =>
    seen.latestOpinionatedReviews.nodes.filter((review) => isObjection(review) && review.commit?.oid !== head)

  return {
    /** What is said to a point is said by whoever has made it, or by us: what others say there is nobody's wish. */
    async standing(project: string, id: string): Promise<Standing> {
      const [{ threads }, self] = [await read(project, id), await repositories.self()]
      const settled = new Set<string>()
      const points: Standing['points'] = new Map()
      for (const { isResolved, first, comments } of threads) {
        const [opening] = first.nodes
        if (isResolved) for (const one of [...first.nodes, ...comments.nodes]) settled.add(one.id)
        if (isResolved || opening === undefined || opening.author === null) continue
        const { login } = opening.author
        const said = comments.nodes.filter(
          ({ id: one, author: by }) => one !== opening.id && by !== null && (isSelf(by, self) || by.login === login),
        )
        for (const one of said) settled.add(one.id)
        const replies = said.map(({ author: by, body }) => ({ author: by!.login, body: withoutMarkers(body) }))
        points.set(login, [...(points.get(login) ?? []), toPoint(opening, replies)])
      }
      return { settled, points }
    },

    /**
     * After a publication: what was objected to on the head before it, and the run was given, is answered point by point, in the words of
     * the request's `answers` where there are some, and whoever objects still is asked to look again. Other threads stay open: nobody has
     * worked on what they ask for. What GitHub does not take there is said in a comment, and answered here. Idempotent.
     */
    async answerObjections(request: PublishInput, number: number): Promise<FatalError[]> {
      const { project, head, expected, points = [], answers = [] } = request
      if (expected === null || expected === head) return []
      const seen = await loader.pullRequest(project, number)
      if (seen === null || seen.state !== 'OPEN') return []
      const begun = await begunAt(request)
      if (begun === null) return []
      const self = await repositories.self()
      const answered = objectionsOf(seen, head).filter(
        ({ author: by, submittedAt }) => by !== null && !isSelf(by, self) && (submittedAt ?? 0) <= begun + 1_000,
      )
      if (answered.length === 0 && answers.length === 0) return []
      const objectors = new Set(answered.map(({ author: by }) => by!.login))
      const { threads, requested } = await read(project, seen.id)
      const given = new Set(points)
      const texts = new Map(answers.map(({ id, body }) => [id, body]))
      const theirs = threads.filter(({ isResolved, first: { nodes } }) => {
        const [opening] = nodes
        if (isResolved || opening === undefined || !given.has(opening.id) || opening.originalCommit?.oid === head) return false
        // Also of one who has approved meanwhile: what the agent has answered is answered.
        return texts.has(opening.id) || (opening.author !== null && objectors.has(opening.author.login))
      })
      const refused: Refused[] = []
      for (const one of theirs) {
        const text = texts.get(one.first.nodes[0]!.id) ?? `Addressed in ${head.slice(0, 10)}.`
        const found = await answerThread(project, one, head, text)
        if (found !== null) refused.push(found)
      }
      const asked = answered.flatMap(({ author: by }) => (by!.__typename === 'User' && !requested.has(by!.login) ? [by!.login] : []))
      const people = [...new Set(asked)]
      const unasked = await refusalOf(() => askAgain(project, number, people))
      const untold = await refusalOf(() => tellRefused(request, number, { refused, people, unasked }))
      return [...refused.map(({ error }) => error), unasked, untold].filter((error) => error !== null)
    },
  }
}
