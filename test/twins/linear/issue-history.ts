// Who has delegated an issue to whom: the part of Linear's history of an issue that the twin remembers.

import { randomUUID } from 'node:crypto'
import type { IssueRecord, UserRecord } from './records.ts'

export interface HistoryEntry {
  __typename: 'IssueHistory'
  id: string
  createdAt: string
  updatedAt: string
  archivedAt: null
  issue: IssueRecord
  actor: UserRecord
  fromDelegate: UserRecord | null
  toDelegate: UserRecord | null
}

const histories = new WeakMap<IssueRecord, HistoryEntry[]>()

export const historyOf = (issue: IssueRecord): HistoryEntry[] => histories.get(issue) ?? []

export function rememberDelegation(
  issue: IssueRecord,
  { at, actor, from, to }: { at: string; actor: UserRecord; from: UserRecord | undefined; to: UserRecord | undefined },
): void {
  const entry: HistoryEntry = {
    __typename: 'IssueHistory',
    id: randomUUID(),
    createdAt: at,
    updatedAt: at,
    archivedAt: null,
    issue,
    actor,
    fromDelegate: from ?? null,
    toDelegate: to ?? null,
  }
  histories.set(issue, [...historyOf(issue), entry])
}
