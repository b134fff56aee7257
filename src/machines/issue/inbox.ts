// What people said: kept until a run has been given it, and consumed exactly once by the run that was.

import type { HumanMessage } from '../vocabulary.ts'
import type { ActiveRun, IssueContext } from './context.ts'
import { restored } from './counters.ts'

type Patch = Partial<IssueContext>

/** A human's word is kept, answers an open question, and lifts what only a human may lift. A comment does not undo a stop. */
export function hear(c: IssueContext, said: { text: string; author: string; via: string; at: number }): Patch {
  const message: HumanMessage = { id: `message-${c.messages + 1}`, ...said, givenTo: null }
  const liftsStop = said.via !== 'comment' && c.stop !== null && c.stop.at <= said.at
  return {
    ...restored(c),
    messages: c.messages + 1,
    inbox: [...c.inbox, message],
    question: null,
    answered: c.question?.text ?? c.answered,
    ...(liftsStop ? { stop: null } : {}),
  }
}

/** The newest message, when no run has been given it. */
export function newestUnread(c: IssueContext): HumanMessage | null {
  const newest = c.inbox.at(-1)
  return newest?.givenTo === null ? newest : null
}

/** Gives the run everything that nobody has been given. */
export const give = (c: IssueContext, run: string): HumanMessage[] =>
  c.inbox.map((message) => (message.givenTo === null ? { ...message, givenTo: run } : message))

/** These reached a running agent. */
export const consume = (inbox: HumanMessage[], ids: readonly string[]): HumanMessage[] =>
  inbox.filter((message) => !ids.includes(message.id))

/** What the run was given is done with; what came later stays. */
export const consumeGiven = (inbox: HumanMessage[], run: ActiveRun): HumanMessage[] => inbox.filter((message) => message.givenTo !== run.id)

/** The run did not do what it was asked: the next one is given it again. */
export const giveBack = (inbox: HumanMessage[], run: ActiveRun): HumanMessage[] =>
  inbox.map((message) => (message.givenTo === run.id ? { ...message, givenTo: null } : message))
