// Resolves every field of the schema: what the twin models truthfully, what it does not with the empty value of its type.

import {
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
  type GraphQLFieldResolver,
  type GraphQLOutputType,
} from 'graphql'
import { toConnection, type PageArguments } from './connections.ts'
import { notModelled } from './errors.ts'
import { isVisible, readField, type Viewer } from './fields.ts'
import { passes, type Reader } from './filters.ts'
import { assertModelled } from './modelled.ts'
import { mutations } from './mutations.ts'
import { queries } from './queries.ts'
import type { AnyRecord, RecordName } from './records.ts'

type Loose = Record<string, unknown>

const recordNames: ReadonlySet<string> = new Set<RecordName>([
  'User',
  'Team',
  'WorkflowState',
  'Project',
  'IssueLabel',
  'Issue',
  'Comment',
  'Attachment',
  'IssueRelation',
  'Reaction',
  'AgentSession',
  'AgentActivity',
  'Webhook',
])

const isRecord = (source: unknown): source is AnyRecord => recordNames.has(String((source as Loose | null)?.['__typename']))

export const resolveField: GraphQLFieldResolver<unknown, Viewer> = (source, args: Loose, viewer, info) => {
  const { parentType, fieldName, returnType } = info
  let value: unknown
  if (parentType.name === 'Query') value = (queries[fieldName] ?? missing(`the query ${fieldName}`))(args, viewer)
  else if (parentType.name === 'Mutation') {
    assertModelled(fieldName, args['input'])
    value = (mutations[fieldName] ?? missing(`the mutation ${fieldName}`))(args, viewer)
  } else if (isRecord(source)) value = readField(source, fieldName, viewer)
  else value = (source as Loose)[fieldName]

  const named = getNamedType(returnType)
  if (named.name.endsWith('Connection') && isObjectType(named)) {
    const all = ((value ?? []) as AnyRecord[]).filter((record) => isVisible(viewer, record))
    return toConnection(filtered(all, args['filter'] as Loose | undefined, viewer, info), args as PageArguments)
  }
  return value ?? emptyOf(returnType, `${parentType.name}.${fieldName}`)
}

function missing(what: string): () => never {
  return () => {
    throw notModelled(what)
  }
}

function filtered(
  records: AnyRecord[],
  filter: Loose | undefined,
  viewer: Viewer,
  { parentType, fieldName }: Parameters<typeof resolveField>[3],
): AnyRecord[] {
  if (!filter) return records
  const argument = parentType.getFields()[fieldName]!.args.find(({ name }) => name === 'filter')
  const type = argument && getNamedType(argument.type)
  if (!isInputObjectType(type)) throw notModelled(`a filter of ${parentType.name}.${fieldName}`)
  const reader: Reader = {
    read: (record, field) => readField(record, field, viewer),
    now: viewer.workspace.timers.now(),
  }
  return records.filter((record) => passes(type, filter, record, reader))
}

/** Nothing, in the form that the schema demands. A thing of its own (a `Node`) is never invented. */
function emptyOf(type: GraphQLOutputType, path: string): unknown {
  if (!isNonNullType(type)) return null
  const inner = getNullableType(type)
  if (isListType(inner)) return []
  if (isEnumType(inner)) return inner.getValues()[0]!.value
  if (isScalarType(inner)) {
    switch (inner.name) {
      case 'String':
        return ''
      case 'Boolean':
        return false
      case 'Int':
      case 'Float':
        return 0
      case 'JSON':
      case 'JSONObject':
        return {}
      default:
        throw notModelled(path)
    }
  }
  if (isObjectType(inner) && !inner.getInterfaces().some(({ name }) => name === 'Node')) return { __typename: inner.name }
  throw notModelled(path)
}
