// The memory of one workspace: its records by id, indexed by what they belong to, with time stamps that only grow.

import { randomUUID } from 'node:crypto'
import { conflictOnInsert, entityNotFound, invalidInput } from './errors.ts'
import type { BaseRecord, IssueRecord, RecordName, Records } from './records.ts'

/** The fields by which records of a kind are looked up together. */
const indexedBy: { [Name in RecordName]?: (keyof Records[Name] & string)[] } = {
  WorkflowState: ['teamId'],
  Issue: ['parentId', 'teamId', 'delegateId'],
  Comment: ['issueId', 'parentId'],
  Attachment: ['issueId'],
  IssueRelation: ['issueId', 'relatedIssueId'],
  Reaction: ['issueId', 'commentId'],
  AgentSession: ['issueId', 'commentId'],
  AgentActivity: ['agentSessionId'],
}

type New<Name extends RecordName> = Omit<Records[Name], '__typename' | 'id' | keyof Omit<BaseRecord, 'id'>>
type Loose = Record<string, unknown>

export interface Store {
  all<Name extends RecordName>(name: Name): Records[Name][]
  find<Name extends RecordName>(name: Name, id: string | null | undefined): Records[Name] | undefined
  /** The record of an id that a client gave; refused in Linear's manner when there is none. */
  get<Name extends RecordName>(name: Name, id: string | null | undefined): Records[Name]
  by<Name extends RecordName>(name: Name, field: keyof Records[Name] & string, value: string): Records[Name][]
  add<Name extends RecordName>(name: Name, fields: New<Name>, given?: string | null): Records[Name]
  /** Changes a record and answers what the changed fields were; undefined when nothing changed. */
  change<Name extends RecordName>(
    record: Records[Name] & { __typename: Name },
    fields: Partial<New<Name> & { archivedAt: string | null }>,
  ): Loose | undefined
  /** Marks a record as changed though none of its own fields was. */
  touch(record: BaseRecord): void
  remove(record: { __typename: RecordName; id: string }): void
  /** An issue by its UUID, its identifier, or an identifier that it once had. */
  issue(idOrKey: string): IssueRecord
  /** Counts the changes; Linear's `lastSyncId`. */
  readonly syncId: number
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i

export function createStore(now: () => number): Store {
  const tables = new Map<RecordName, Map<string, BaseRecord>>()
  const indexes = new Map<string, Map<string, Set<BaseRecord>>>()
  const formerIdentifiers = new Map<string, string>()
  const identifiers = new Map<string, string>()
  let syncId = 0

  function table(name: RecordName): Map<string, BaseRecord> {
    let found = tables.get(name)
    if (!found) tables.set(name, (found = new Map()))
    return found
  }

  function bucket(name: string, field: string, value: unknown): Set<BaseRecord> {
    const key = `${name}.${field}`
    let values = indexes.get(key)
    if (!values) indexes.set(key, (values = new Map()))
    let found = values.get(String(value))
    if (!found) values.set(String(value), (found = new Set()))
    return found
  }

  function reindex(name: RecordName, record: BaseRecord, how: 'add' | 'delete'): void {
    for (const field of (indexedBy[name] ?? []) as string[]) {
      bucket(name, field, (record as unknown as Loose)[field])[how](record)
    }
    if (name === 'Issue') {
      const issue = record as IssueRecord
      if (how === 'add') identifiers.set(issue.identifier, issue.id)
      else identifiers.delete(issue.identifier)
      for (const former of issue.previousIdentifiers) formerIdentifiers.set(former, issue.id)
    }
  }

  const store: Store = {
    get syncId() {
      return syncId
    },
    all: (name) => [...table(name).values()] as never,
    find: (name, id) => (id ? (table(name).get(id) as never) : undefined),
    get(name, id) {
      const found = store.find(name, id)
      if (!found) throw entityNotFound(name)
      return found
    },
    by: (name, field, value) => [...bucket(name, field, value)] as never,
    add(name, fields, given) {
      if (given && !uuid.test(given)) throw invalidInput('Argument Validation Error', 'id must be a UUID.')
      if (given && table(name).has(given.toLowerCase())) throw conflictOnInsert(name, given)
      const at = new Date(now()).toISOString()
      const record = {
        __typename: name,
        id: given ? given.toLowerCase() : randomUUID(),
        createdAt: at,
        updatedAt: at,
        archivedAt: null,
        ...fields,
      }
      table(name).set(record.id, record)
      reindex(name, record, 'add')
      syncId++
      return record as never
    },
    change(record, fields) {
      const current = record as unknown as Loose
      const before: Loose = {}
      for (const [field, value] of Object.entries(fields)) {
        if (value === undefined || JSON.stringify(value) === JSON.stringify(current[field])) continue
        before[field] = current[field]
      }
      if (Object.keys(before).length === 0) return undefined
      reindex(record.__typename, record, 'delete')
      for (const field of Object.keys(before)) current[field] = (fields as Loose)[field]
      before['updatedAt'] = record.updatedAt
      store.touch(record)
      reindex(record.__typename, record, 'add')
      return before
    },
    touch(record) {
      record.updatedAt = new Date(Math.max(now(), Date.parse(record.updatedAt) + 1)).toISOString()
      syncId++
    },
    remove(record) {
      const found = table(record.__typename).get(record.id)
      if (!found) return
      reindex(record.__typename, found, 'delete')
      table(record.__typename).delete(record.id)
      syncId++
    },
    issue(idOrKey) {
      const byId = store.find('Issue', idOrKey)
      if (byId) return byId
      const key = idOrKey.toUpperCase()
      return store.get('Issue', identifiers.get(key) ?? formerIdentifiers.get(key))
    },
  }
  return store
}
