// Pull requests that a person has linked to the issue: taken over before anything else is begun. Nothing is guessed.

import type { IssueContext } from './context.ts'
import type { AdoptedPullRequest } from './events.ts'
import { takePullRequest } from './pull-request-facts.ts'

type Patch = Partial<IssueContext>

export const linksOf = ({ issue }: Pick<IssueContext, 'issue'>): string[] => issue.links ?? []

/** Something is linked that nobody has looked at: no run begins before that is done. */
export const isLinkOpen = (c: IssueContext): boolean => {
  const links = linksOf(c)
  const isAnswered = c.adoption !== null && c.adoption.state !== 'open' && c.adoption.links === links.join(' ')
  return c.pr === null && links.length > 0 && !isAnswered
}

const over = (c: IssueContext): Patch => ({ adoption: { links: linksOf(c).join(' '), state: 'over' } })

export const beginAdoption = (c: IssueContext): Patch => ({ adoption: { links: linksOf(c).join(' '), state: 'open' } })

/** The linked pull request is the issue's from now on. */
export const takeAdoption = (c: IssueContext, { observedAt, state, ...fact }: AdoptedPullRequest): Patch => ({
  ...over(c),
  ...takePullRequest(c, fact, { observedAt, askedAt: c.now }, state),
})

/** A linked draft is somebody's unfinished work, which a run has to go on with. */
export const isUnfinished = ({ adoption, pr }: IssueContext): boolean =>
  pr?.state === 'open' && pr.draft && adoption !== null && adoption.state !== 'used'

const ask = (c: IssueContext, text: string): Patch => ({ ...over(c), question: { text, at: c.now } })

export const askAboutLink = (c: IssueContext, reason: string): Patch =>
  ask(c, `The linked pull request ${linksOf(c)[0]} could not be taken over: ${reason} Answer to begin anew, or correct the link first.`)

export const askWhichLink = (c: IssueContext): Patch =>
  ask(c, `Several pull requests are linked: ${linksOf(c).join(', ')}. Leave one link and answer, or answer to begin anew.`)
