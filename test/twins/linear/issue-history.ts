// Who has delegated an issue to whom, and who has moved it where: the part of Linear's history of an issue that the twin remembers.

import { randomUUID } from 'node:crypto'
import type { IssueRecord, StateRecord, UserRecord } from './records.ts'

export interface HistoryChanges {
  fromDelegate: UserRecord | null
  toDelegate: UserRecord | null
  fromState: StateRecord | null
  toState: StateRecord | null
}

export interface HistoryEntry extends HistoryChanges {
  __typename: 'IssueHistory'
  id: string
  createdAt: string
  updatedAt: string
  archivedAt: null
  issue: IssueRecord
  actor: UserRecord
}

const histories = new WeakMap<IssueRecord, HistoryEntry[]>()

/** Oldest first. */
export const historyOf = (issue: IssueRecord): HistoryEntry[] => histories.get(issue) ?? []

export function rememberChange(
  issue: IssueRecord,
  { at, actor, ...changes }: { at: string; actor: UserRecord } & Partial<HistoryChanges>,
): void {
  const entry: HistoryEntry = {
    __typename: 'IssueHistory',
    id: randomUUID(),
    createdAt: at,
    updatedAt: at,
    archivedAt: null,
    issue,
    actor,
    ...{ fromDelegate: null, toDelegate: null, fromState: null, toState: null },
    ...changes,
  }
  histories.set(issue, [...historyOf(issue), entry])
}
