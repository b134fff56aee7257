// How git gets to a repository at GitHub: the credential is in its environment and nowhere else, and one that is refused is had anew.

import { git, saysOutOfReach, saysUnauthorized } from '../../git.ts'
import type { RemoteAccess } from '../base-at-url.ts'
import type { Credential } from './client.ts'

export const gitAccess = (options: {
  webUrl: string
  /** Asked each time: a repository may be given another name. */
  url: () => string
  changedAt: () => number
  credential: () => Promise<Credential & { secret: string }>
  /** Whether the repository is at another place, or another's, by now: then it is tried once more. */
  hasMoved: () => Promise<boolean>
}): RemoteAccess => ({
  url: options.url,
  changedAt: options.changedAt,
  async git(args, request) {
    for (let again = false; ; again = true) {
      const { secret, forget } = await options.credential()
      try {
        return await git(args, { ...request, env: environmentOf(options.webUrl, secret) })
      } catch (error) {
        if (again) throw error
        const isWorthMore = saysUnauthorized(error) ? forget() : saysOutOfReach(error) && (await options.hasMoved())
        if (!isWorthMore) throw error
      }
    }
  },
})

function environmentOf(webUrl: string, secret: string): Record<string, string> {
  const settings = [
    // What the user has set for this host is not asked.
    ['credential.helper', ''],
    [`http.${webUrl}/.extraHeader`, ''],
    [`http.${webUrl}/.extraHeader`, `Authorization: Basic ${Buffer.from(`x-access-token:${secret}`).toString('base64')}`],
  ] as const
  return Object.fromEntries([
    ['GIT_CONFIG_COUNT', String(settings.length)],
    ...settings.flatMap(([key, value], n) => [
      [`GIT_CONFIG_KEY_${n}`, key],
      [`GIT_CONFIG_VALUE_${n}`, value],
    ]),
  ]) as Record<string, string>
}
