// Linear's GraphQL schema, derived from the types of `@linear/sdk`, so that a query which Linear would refuse is refused here.

import { buildSchema, GraphQLError, GraphQLScalarType, type GraphQLSchema } from 'graphql'
import { durationOf } from './filters.ts'
import { readDeclarations, type Declarations, type DeclaredType } from './sdk-types.ts'

let cached: GraphQLSchema | undefined

/** The schema, derived once a process. */
export function linearSchema(): GraphQLSchema {
  if (!cached) {
    cached = buildSchema(toSdl(readDeclarations()))
    formScalars(cached)
  }
  return cached
}

/** The GraphQL spelling of a TypeScript type of the SDK; undefined for one that the schema cannot express. */
function toGraphqlType(type: string): string | undefined {
  const maybe = /^(?:Input)?Maybe<(.+)>$/.exec(type)
  if (maybe) return toGraphqlType(maybe[1]!)?.replace(/!$/, '')
  const array = /^Array<(.+)>$/.exec(type)
  if (array) {
    const item = toGraphqlType(array[1]!)
    return item && `[${item}]!`
  }
  const scalar = /^Scalars\["(\w+)"\]$/.exec(type)
  if (scalar) return `${scalar[1]}!`
  return /^\w+$/.test(type) ? `${type}!` : undefined
}

const namedType = (type: string): string | undefined => toGraphqlType(type)?.replaceAll(/[[\]!]/g, '')

function toSdl(declared: Declarations): string {
  const { types, enums, unions, scalars } = declared
  const byLowerCase = new Map([...types.keys()].map((name) => [name.toLowerCase(), name]))
  const implementations = new Map<string, string[]>()
  for (const type of types.values()) {
    if (!type.isObject) continue
    for (const parent of type.parents) {
      implementations.set(parent, [...(implementations.get(parent) ?? []), type.name])
    }
  }
  // The generator capitalises the names of arguments in its own way (`Url` for `URL`), therefore without regard to case.
  const argumentsOf = (type: string, field: string): DeclaredType | undefined =>
    types.get(byLowerCase.get(`${type}${field}Args`.toLowerCase()) ?? '')

  const isRoot = (name: string): boolean => name === 'Query' || name === 'Mutation'
  const pending = ['Query', 'Mutation']
  const reached = new Set<string>()
  const text = [...scalars.keys()].map((name) => `scalar ${name}`)
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (reached.has(name)) continue
    reached.add(name)
    const values = enums.get(name)
    const members = unions.get(name)
    const type = types.get(name)
    if (values) text.push(`enum ${name} { ${values.join(' ')} }`)
    else if (members) {
      text.push(`union ${name} = ${members.join(' | ')}`)
      pending.push(...members)
    } else if (type && type.fields.length > 0) {
      const answers = type.isObject || isRoot(name)
      const keyword = answers ? 'type' : implementations.has(name) ? 'interface' : 'input'
      const parents = type.parents.length > 0 ? ` implements ${type.parents.join(' & ')}` : ''
      text.push(`${keyword} ${name}${parents} {`)
      for (const field of type.fields) {
        const result = toGraphqlType(field.type)
        if (!result) continue
        const given = keyword === 'input' ? undefined : argumentsOf(name, field.name)
        const list = given?.fields.map((argument) => `${argument.name}: ${toGraphqlType(argument.type)}`).join(', ')
        text.push(`  ${field.name}${list ? `(${list})` : ''}: ${result}`)
        for (const used of [field, ...(given?.fields ?? [])]) pending.push(namedType(used.type) ?? '')
      }
      text.push('}')
      pending.push(...type.parents, ...(implementations.get(name) ?? []))
    }
  }
  return text.join('\n')
}

function scalarOf(schema: GraphQLSchema, name: string): GraphQLScalarType {
  const scalar = schema.getType(name)
  if (!(scalar instanceof GraphQLScalarType)) throw new Error(`The schema has no scalar ${name}.`)
  return scalar
}

/**
 * The form of the scalars, about which the types say nothing: a date that is none is refused, and `JSON` is a text that
 * holds JSON, as the SDK reads it, while a `JSONObject` is the object itself.
 */
function formScalars(schema: GraphQLSchema): void {
  for (const name of ['DateTime', 'TimelessDate', 'DateTimeOrDuration', 'TimelessDateOrDuration']) {
    const isDuration = (value: string): boolean => name.endsWith('OrDuration') && durationOf(value) !== undefined
    scalarOf(schema, name).coerceInputValue = (value) => {
      if (typeof value === 'string' && (isDuration(value) || !Number.isNaN(Date.parse(value)))) return value
      throw new GraphQLError(`${name} cannot represent an invalid date-time-string ${String(value)}.`)
    }
  }
  const json = scalarOf(schema, 'JSON')
  json.coerceOutputValue = (value) => JSON.stringify(value)
  json.coerceInputValue = (value) => {
    if (typeof value !== 'string') return value
    try {
      return JSON.parse(value)
    } catch {
      throw new GraphQLError(`JSON cannot represent the value ${value}.`)
    }
  }
}
