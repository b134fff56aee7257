// How much a query costs, by Linear's published rule: 0.1 a property, 1 an object, and a connection as often as its page is long.
// https://linear.app/developers/rate-limiting

import {
  getNamedType,
  isLeafType,
  isObjectType,
  isInterfaceType,
  Kind,
  valueFromASTUntyped,
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLNamedType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'

export const maximumComplexity = 10_000
const usualPage = 50

export function complexityOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Record<string, unknown>,
): number {
  const given = { ...variables }
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  }

  function cost(selections: SelectionSetNode, parent: GraphQLNamedType | undefined): number {
    let total = 0
    for (const selection of selections.selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const fragment = fragments.get(selection.name.value)!
        total += cost(fragment.selectionSet, schema.getType(fragment.typeCondition.name.value))
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        const type = selection.typeCondition ? schema.getType(selection.typeCondition.name.value) : parent
        total += cost(selection.selectionSet, type)
      } else {
        const field = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[selection.name.value] : undefined
        const type = field && getNamedType(field.type)
        if (!selection.selectionSet || (type && isLeafType(type))) {
          total += 0.1
          continue
        }
        const inside = cost(selection.selectionSet, type)
        if (!type?.name.endsWith('Connection')) {
          total += 1 + inside
          continue
        }
        const size = selection.arguments?.find(({ name }) => name.value === 'first' || name.value === 'last')
        const page = size && valueFromASTUntyped(size.value, given)
        total += inside * (typeof page === 'number' ? page : usualPage)
      }
    }
    return total
  }

  for (const { variable, defaultValue } of operation.variableDefinitions ?? []) {
    if (defaultValue) given[variable.name.value] ??= valueFromASTUntyped(defaultValue)
  }
  const root = operation.operation === 'mutation' ? schema.getMutationType() : schema.getQueryType()
  return Math.ceil(cost(operation.selectionSet, root ?? undefined))
}
