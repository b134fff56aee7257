// Comments, and summaries of reviews, that are meant for us: they address us by name, and come from somebody who may write to the repository.

import { z } from 'zod'
import type { ProjectConfig } from '../../../config.ts'
import { FatalError, toErrorData } from '../../../errors.ts'
import type { Notice } from '../../ports.ts'
import type { PullRequests } from '../pull-requests.ts'
import { isMarked } from './markers.ts'
import type { GithubRepositories, Self } from './repositories.ts'

export interface Comment {
  /** Of the summary of a review its node's, which REST and GraphQL give alike. */
  id: number | string
  body: string | null
  user: { id: number; login: string; type: string } | null
  updated_at: number
  path?: string | undefined
  line?: number | null | undefined
  original_line?: number | null | undefined
}

/** Milliseconds for which somebody's permission is believed. */
const kept = 5 * 60_000
/** Of people, and of comments: beyond that all are forgotten, and asked for, or reacted to, once more. */
const most = 10_000

/** Without what is quoted and what is code: what somebody else has said, or what was shown. */
const spoken = (text: string): string =>
  text
    .replaceAll('\r\n', '\n')
    .replaceAll(/^(```|~~~)[\s\S]*?^\1.*$/gm, '')
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('>'))
    .join('\n')

/** What is said to us, without the salutation; null when we are not addressed. Pure. */
export function addressed(body: string, { slug }: Pick<Self, 'slug'>): string | null {
  const text = spoken(body).trim()
  const name = slug.replaceAll(/[^\w]/g, '\\$&')
  const opening = new RegExp(
    `^(?:hey[,!]?\\s+|hi[,!]?\\s+|hello[,!]?\\s+)?(?:@${name}(?:\\[bot\\])?|@?signalbox)(?![\\w/-])[\\s,:;.!–—-]*`,
    'i',
  )
  const begins = opening.exec(text)
  if (begins !== null) return text.slice(begins[0].length).trim()
  const within = new RegExp(`(?<![\\w/@\`])@(?:${name}(?:\\[bot\\])?|signalbox)(?![\\w/-])[,:]?`, 'i')
  return within.test(text)
    ? text
        .replace(within, '')
        .replaceAll(/[ \t]{2,}/g, ' ')
        .trim()
    : null
}

/** What somebody has written, and at which pull request. */
export interface Words {
  project: string
  number: number
  comment: Comment
  kind: 'comment' | 'review_comment' | 'review'
}

const keyOf = ({ kind, comment }: Words): string => `github:${kind}:${comment.id}`

/** By which a comment of a kind is reacted to; GitHub has nothing of the sort for the summary of a review. */
const reactions: Partial<Record<Words['kind'], string>> = {
  comment: 'POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions',
  review_comment: 'POST /repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions',
}

export type Mentions = ReturnType<typeof createMentions>

export function createMentions(options: {
  repositories: GithubRepositories
  projects: readonly Pick<ProjectConfig, 'id' | 'trustedActors'>[]
  pullRequests: PullRequests
  now: () => number
  log: (message: string) => void
}) {
  const { repositories, projects, pullRequests, now, log } = options
  const permissions = new Map<string, { at: number; mayWrite: boolean }>()
  /** Comments that we have reacted to, by their keys. */
  const seen = new Set<string>()

  /** Asked of GitHub: who has commented before says nothing of what somebody may do now. */
  async function mayWrite(project: string, login: string, signal: AbortSignal | undefined): Promise<boolean> {
    const key = `${project} ${login}`
    const known = permissions.get(key)
    if (known !== undefined && now() - known.at < kept) return known.mayWrite
    const target = { ...(await repositories.at(project)), username: login }
    const { permission } = await repositories
      .client(project)
      .request('GET /repos/{owner}/{repo}/collaborators/{username}/permission', target, z.object({ permission: z.string() }), {
        what: `the permission of ${login}`,
        signal,
      })
      .catch((error: unknown) => {
        if (error instanceof FatalError && error.code === 'github-not-found') return { permission: 'none' }
        throw error
      })
    const answer = permission === 'admin' || permission === 'write' || permission === 'maintain'
    if (permissions.size >= most) permissions.clear()
    permissions.set(key, { at: now(), mayWrite: answer })
    return answer
  }

  async function isTrusted(project: string, user: NonNullable<Comment['user']>, signal: AbortSignal | undefined): Promise<boolean> {
    const { ids } = projects.find(({ id }) => id === project)!.trustedActors
    if (ids.includes(user.login) || ids.includes(String(user.id))) return true
    return user.type === 'User' && mayWrite(project, user.login, signal)
  }

  /** What is said to us, and whose issue it is about; null when it is not for us or from nobody who counts. */
  async function hear({ project, number, comment }: Words, signal: AbortSignal | undefined) {
    const row = pullRequests.byNumber(project, number)
    const { user, body } = comment
    if (row === undefined || user === null || body === null || isMarked(body)) return null
    const self = await repositories.self()
    const said = addressed(body, self)
    if (said === null || said === '' || user.login === self.login) return null
    return (await isTrusted(project, user, signal)) ? { issue: row.issue, said, author: user.login } : null
  }

  return {
    /**
     * What the words come to for the issue of the pull request. Edited ones are named as they were: what addresses us only now is heard,
     * what was heard before is not heard again.
     */
    async read(words: Words, source: 'webhook' | 'poll', signal?: AbortSignal): Promise<Notice[]> {
      const heard = await hear(words, signal)
      if (heard === null) return []
      const { path, line, original_line: originally, updated_at: observedAt } = words.comment
      const at = line ?? originally
      const place = path === undefined ? '' : `${path}${at == null ? '' : `:${at}`}: `
      const { issue, said, author } = heard
      const event = { type: 'tracker.prompted', source, observedAt, text: `${place}${said}`, author, via: 'mention' }
      return [{ kind: 'fact', issue, event, key: keyOf(words) }]
    },

    /** Shows at a comment that is for us that it was seen. Never throws: nobody is kept waiting for it, and it can be done again. */
    async acknowledge(words: Words, signal?: AbortSignal): Promise<void> {
      const { project, number, comment, kind } = words
      const route = reactions[kind]
      const key = keyOf(words)
      if (route === undefined || seen.has(key)) return
      if (seen.size >= most) seen.clear()
      seen.add(key)
      try {
        if ((await hear(words, signal)) !== null) {
          const target = { ...(await repositories.at(project)), comment_id: comment.id, content: 'eyes' }
          await repositories.client(project).request(route, target, z.unknown(), { what: `a reaction to a comment on #${number}`, signal })
          return
        }
      } catch (error) {
        log(toErrorData(error).message)
      }
      // It may be edited, and then be for us.
      seen.delete(key)
    },

    forget: (): void => permissions.clear(),
  }
}
