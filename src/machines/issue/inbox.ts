// What people said: kept until a run has been given it, and consumed exactly once by the run that was.

import type { HumanMessage, RunType } from '../vocabulary.ts'
import type { ActiveRun, IssueContext } from './context.ts'
import { restored } from './counters.ts'
import { putEvictionAside, reopen } from './decisions.ts'
import { isAddressed } from './intent.ts'
import { phaseOf } from './policy.ts'

type Patch = Partial<IssueContext>

/** Over, and well: a person who wants more opens it again. */
export const isDone = (c: IssueContext): boolean => phaseOf(c) === 'done' || (c.pr?.state === 'merged' && phaseOf(c) !== 'failed')

/** A deployment is watched to its end before anything new is begun. */
const isWatching = ({ deploy }: IssueContext): boolean => deploy?.state === 'pending'

/** The deployment is over: what a person asked for meanwhile is gone on with. */
export const afterWatch = (c: IssueContext): Patch => (c.delegated && isDone(c) && !isWatching(c) && hasUnheard(c.inbox) ? reopen(c) : {})

/** What was said to us, in a session or by our name; a comment that is for others is only kept for the next run to read. */
export const isForUs = ({ via, text }: { via: string; text: string }): boolean => via !== 'comment' || isAddressed(text)

/** A human's word is kept, and when it is for us it answers an open question and lifts what only a human may lift. */
export function hear(c: IssueContext, said: { text: string; author: string; via: string; at: number }): Patch {
  const isOurs = isForUs(said)
  const via = isOurs && said.via === 'comment' ? 'mention' : said.via
  const message: HumanMessage = { id: `message-${c.messages + 1}`, ...said, via, givenTo: null }
  const kept = { messages: c.messages + 1, inbox: [...c.inbox, message] }
  if (!isOurs) return kept
  return {
    ...restored(c),
    ...kept,
    question: null,
    answered: c.question?.text ?? c.answered,
    ...(c.stop !== null && c.stop.at <= said.at ? { stop: null } : {}),
    ...putEvictionAside(c),
    ...(c.delegated && isDone(c) && !isWatching(c) ? reopen(c) : {}),
  }
}

/** What became of an umbrella's children is for its next run, as a person's word would be. */
export const hearOfChildren = (c: IssueContext, news: readonly string[]): Patch => ({
  messages: c.messages + 1,
  inbox: [
    ...c.inbox,
    { id: `message-${c.messages + 1}`, text: news.join('\n'), author: 'the tracker', via: 'child', at: c.now, givenTo: null },
  ],
})

/** The newest message, when no run has been given it. */
export function newestUnread(c: IssueContext): HumanMessage | null {
  const newest = c.inbox.at(-1)
  return newest?.givenTo === null ? newest : null
}

/** A person has said something to us that no run has been given. */
export const hasUnheard = (inbox: readonly HumanMessage[]): boolean =>
  inbox.some(({ givenTo, via }) => givenTo === null && via !== 'comment' && via !== 'child')

/** Gives the run everything that nobody has been given. */
export const give = (c: IssueContext, run: string): HumanMessage[] =>
  c.inbox.map((message) => (message.givenTo === null ? { ...message, givenTo: run } : message))

/** What people say is for whoever changes something; a reviewer hears only the answer to its own question. */
export const isForRun = (type: RunType, { answered }: Pick<IssueContext, 'answered'>): boolean => type !== 'review' || answered !== null

/** These reached the agent of a run that is under way: it has them as if it had been given them. */
export const pass = (inbox: HumanMessage[], ids: readonly string[], { id }: ActiveRun): HumanMessage[] =>
  inbox.map((message) => (ids.includes(message.id) && message.givenTo === null ? { ...message, givenTo: id } : message))

/** What the run was given is done with; what came later stays. */
export const consumeGiven = (inbox: HumanMessage[], run: ActiveRun): HumanMessage[] => inbox.filter((message) => message.givenTo !== run.id)

/** The run did not do what it was asked: the next one is given it again. */
export const giveBack = (inbox: HumanMessage[], run: ActiveRun): HumanMessage[] =>
  inbox.map((message) => (message.givenTo === run.id ? { ...message, givenTo: null } : message))
