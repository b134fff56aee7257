// Comments, and summaries of reviews, that are meant for us: they address us by name, and come from somebody who may write to the repository.

import { z } from 'zod'
import type { ProjectConfig } from '../../../config.ts'
import { FatalError } from '../../../errors.ts'
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

export type Mentions = ReturnType<typeof createMentions>

export function createMentions(options: {
  repositories: GithubRepositories
  projects: readonly Pick<ProjectConfig, 'id' | 'trustedActors'>[]
  pullRequests: PullRequests
  now: () => number
}) {
  const { repositories, projects, pullRequests, now } = options
  const permissions = new Map<string, { at: number; mayWrite: boolean }>()

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
    permissions.set(key, { at: now(), mayWrite: answer })
    return answer
  }

  async function isTrusted(project: string, user: NonNullable<Comment['user']>, signal: AbortSignal | undefined): Promise<boolean> {
    const { ids } = projects.find(({ id }) => id === project)!.trustedActors
    if (ids.includes(user.login) || ids.includes(String(user.id))) return true
    return user.type === 'User' && mayWrite(project, user.login, signal)
  }

  return {
    /**
     * What the comment comes to for the issue of the pull request; nothing, when it is not for us or from nobody who counts. An edited one
     * is named as it was: one that addresses us only now is heard, one that was heard before is not heard again.
     */
    async read(
      {
        project,
        number,
        comment,
        kind,
      }: { project: string; number: number; comment: Comment; kind: 'comment' | 'review_comment' | 'review' },
      source: 'webhook' | 'poll',
      signal?: AbortSignal,
    ): Promise<Notice[]> {
      const row = pullRequests.byNumber(project, number)
      if (row === undefined || comment.user === null || comment.body === null || isMarked(comment.body)) return []
      const self = await repositories.self()
      const said = addressed(comment.body, self)
      if (said === null || said === '' || comment.user.login === self.login) return []
      if (!(await isTrusted(project, comment.user, signal))) return []
      const line = comment.line ?? comment.original_line
      const place = comment.path === undefined ? '' : `${comment.path}${line == null ? '' : `:${line}`}: `
      const event = {
        type: 'tracker.prompted',
        source,
        observedAt: comment.updated_at,
        text: `${place}${said}`,
        author: comment.user.login,
        via: 'mention',
      }
      return [{ kind: 'fact', issue: row.issue, event, key: `github:${kind}:${comment.id}` }]
    },
    forget: (): void => permissions.clear(),
  }
}
