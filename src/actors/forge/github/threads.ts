// Review threads: each point that reviewers have made is answered and resolved, and those who asked for changes are asked to look again.

import { z } from 'zod'
import { FatalError } from '../../../errors.ts'
import { git } from '../../git.ts'
import type { Finding, PublishInput } from '../../ports.ts'
import type { OpenRepository } from '../repository.ts'
import type { Loader } from './loader.ts'
import { marker, withoutMarkers } from './markers.ts'
import type { SeenPullRequest } from './queries.ts'
import type { GithubRepositories } from './repositories.ts'
import { isObjection, isSelf } from './verdicts.ts'

const author = z.object({ __typename: z.string(), login: z.string() }).nullable()
const comment = z.object({ id: z.string(), body: z.string(), author })
const firstComment = comment.extend({
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
          first: comments(first: 1) { nodes { id path line originalLine body author { __typename login } originalCommit { oid } } }
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

export interface ThreadAnswer {
  /** GitHub's id of the thread. */
  thread: string
  text: string
}

/** `line` is null where the change no longer has it: then it is the one that it was said of. */
const toPoint = (
  { id, path, line, originalLine, body }: z.output<typeof firstComment>,
  replies: NonNullable<Finding['replies']>,
): Finding => ({
  ...{ path, line: line ?? originalLine, body, id },
  ...(replies.length === 0 ? {} : { replies }),
})

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

  /** One reply in each thread, and it is resolved. Idempotent by (thread, head). */
  async function answerThreads(project: string, threads: readonly Thread[], head: string, answers: readonly ThreadAnswer[]): Promise<void> {
    const { graphql } = repositories.client(project)
    for (const { thread: id, text } of answers) {
      const found = threads.find((one) => one.id === id)
      if (found === undefined) continue
      const mark = marker(`thread:${id}:${head.slice(0, 12)}`)
      const what = 'the answer in a review thread'
      if (!found.comments.nodes.some(({ body }) => body.includes(mark)))
        await graphql(reply, { thread: id, body: `${text}\n\n${mark}` }, z.unknown(), { what, asks: false })
      if (!found.isResolved) await graphql(resolve, { thread: id }, z.unknown(), { what: 'the resolution of a review thread', asks: false })
    }
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
    answerThreads,

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
     * worked on what they ask for. Idempotent.
     */
    async answerObjections(request: PublishInput, number: number): Promise<void> {
      const { project, head, expected, points = [], answers = [] } = request
      if (expected === null || expected === head) return
      const seen = await loader.pullRequest(project, number)
      if (seen === null || seen.state !== 'OPEN') return
      const begun = await begunAt(request)
      if (begun === null) return
      const self = await repositories.self()
      const answered = objectionsOf(seen, head).filter(
        ({ author: by, submittedAt }) => by !== null && !isSelf(by, self) && (submittedAt ?? 0) <= begun + 1_000,
      )
      if (answered.length === 0 && answers.length === 0) return
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
      await answerThreads(
        project,
        theirs,
        head,
        theirs.map(({ id, first }) => ({ thread: id, text: texts.get(first.nodes[0]!.id) ?? `Addressed in ${head.slice(0, 10)}.` })),
      )
      const people = answered.flatMap(({ author: by }) => (by!.__typename === 'User' && !requested.has(by!.login) ? [by!.login] : []))
      await askAgain(project, number, [...new Set(people)])
    },
  }
}
