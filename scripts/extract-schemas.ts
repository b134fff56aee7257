// Cuts the schemas that the GitHub twin speaks out of the published ones, which are far too large to be installed with everything else.
//
//   npm install --prefix DIR @octokit/openapi@23.0.2 @octokit/openapi-webhooks@12.1.0 @octokit/graphql-schema@15.26.1
//   node scripts/extract-schemas.ts --from DIR [--to test/twins/github]

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Kind, parse, print } from 'graphql'
import type { DefinitionNode, DocumentNode, FieldDefinitionNode, TypeNode } from 'graphql'
import { DELIVERIES, GRAPHQL, OPERATIONS } from '../test/twins/github/published.ts'

/** The packages that the schemas are cut from; the nightly test installs the same. */
export const PACKAGES = { '@octokit/openapi': '23.0.2', '@octokit/openapi-webhooks': '12.1.0', '@octokit/graphql-schema': '15.26.1' }

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
type JsonObject = { [key: string]: Json }

/** The two files, as text, cut from the packages installed in `from`. */
export function extractSchemas(from: string): { schemas: string; graphql: string } {
  const read = (path: string) => {
    const file = join(from, 'node_modules', path)
    if (existsSync(file)) return readFileSync(file, 'utf8')
    const names = Object.entries(PACKAGES).map(([name, version]) => `${name}@${version}`)
    throw new Error(`${file} is missing. Install the published schemas first: npm install --prefix ${from} ${names.join(' ')}`)
  }
  const rest = cutRest(JSON.parse(read('@octokit/openapi/generated/api.github.com.json')) as JsonObject)
  const webhooks = cutWebhooks(JSON.parse(read('@octokit/openapi-webhooks/generated/api.github.com.json')) as JsonObject)
  return { schemas: printByLine({ rest, webhooks }), graphql: cutGraphql(read('@octokit/graphql-schema/schema.graphql')) }
}

/** Where the published description contradicts what GitHub sends. */
const PATCHES: Record<string, Json> = {
  // Here the installation is written out, with an account that is a user and an enterprise at once; everywhere else it is one or the other.
  'GET /app/installations 200': { type: 'array', items: { $ref: '#/components/schemas/installation' } },
}

/** Properties of components that may be null as well, where the published description does not say so. */
const NULLABLE: Record<string, string[]> = {
  // Of a comment on a line that is not there any more; the deliveries' description says so.
  'pull-request-review-comment': ['line', 'position'],
}

function cutRest(document: JsonObject) {
  const operations: Record<string, Record<string, Json>> = {}
  for (const name of OPERATIONS) {
    const [method, path] = name.split(' ') as [string, string]
    const operation = at(document, 'paths', path, method.toLowerCase())
    if (operation === undefined) throw new Error(`${name} is not in the published description.`)
    const responses: Record<string, Json> = {}
    for (const [status, response] of Object.entries(operation['responses'] as JsonObject)) {
      const resolved = follow(document, response) as JsonObject
      // A response without a schema has no body; `null` says so.
      responses[status] = PATCHES[`${name} ${status}`] ?? convert(at(resolved, 'content', 'application/json', 'schema') ?? null)
    }
    operations[name] = responses
  }
  return share({ operations, schemas: reached(document, [...Object.values(operations), { $ref: '#/components/schemas/basic-error' }]) })
}

function cutWebhooks(document: JsonObject) {
  const deliveries: Record<string, Json> = {}
  for (const name of DELIVERIES) {
    const schema = at(document, 'webhooks', name, 'post', 'requestBody', 'content', 'application/json', 'schema')
    if (schema === undefined) throw new Error(`The delivery ${name} is not in the published description.`)
    deliveries[name] = convert(schema)
  }
  return share({ deliveries, schemas: reached(document, Object.values(deliveries)) })
}

/** Every component that `roots` lead to, converted. */
function reached(document: JsonObject, roots: Json[]): Record<string, Json> {
  const found: Record<string, Json> = {}
  const visit = (value: Json): void => {
    if (Array.isArray(value)) return value.forEach(visit)
    if (value === null || typeof value !== 'object') return
    const ref = value['$ref']
    if (typeof ref === 'string') {
      const name = ref.slice(ref.lastIndexOf('/') + 1)
      if (!(name in found)) {
        const schema = at(document, 'components', 'schemas', name)
        if (schema === undefined) throw new Error(`${ref} leads nowhere.`)
        for (const property of NULLABLE[name] ?? []) Object.assign(at(schema, 'properties', property)!, { nullable: true })
        found[name] = convert(schema)
        visit(found[name])
      }
    }
    Object.values(value).forEach(visit)
  }
  roots.forEach(visit)
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)))
}

const PROSE = new Set(['description', 'example', 'examples', 'title', 'discriminator', 'deprecated', 'externalDocs', 'readOnly', 'default'])
/** Not `email`: the addresses of GitHub's own bots (`1+name[bot]@users.noreply.github.com`) are none to a validator. */
const FORMATS = new Set(['uri', 'date-time', 'uuid', 'date'])

/** An OpenAPI schema as JSON Schema, without its prose. */
function convert(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(convert)
  if (schema === null || typeof schema !== 'object') return schema
  const result: JsonObject = {}
  for (const [key, value] of Object.entries(schema)) {
    if (PROSE.has(key) || key.startsWith('x-') || key === 'nullable') continue
    if (key === 'format' && !FORMATS.has(value as string)) continue
    // Names of properties are not keywords: one may well be called `title` or `default`.
    if (key === 'properties') result[key] = Object.fromEntries(Object.entries(value as JsonObject).map(([name, of]) => [name, convert(of)]))
    // Many published alternatives overlap (a user is also an enterprise's account), so that "exactly one" fails for real payloads.
    else if (key === 'oneOf') result['anyOf'] = convert(value)
    // GitHub has more events than the lists of an App's events in its own description.
    else if (key === 'enum' && Array.isArray(value) && value.includes('check_run') && value.includes('push')) continue
    else if (key === 'enum') result[key] = value
    else result[key] = convert(value)
  }
  if (schema['nullable'] !== true) return result
  if (typeof result['type'] !== 'string') return { anyOf: [result, { type: 'null' }] }
  result['type'] = [result['type'], 'null']
  if (Array.isArray(result['enum']) && !result['enum'].includes(null)) result['enum'] = [...result['enum'], null]
  return result
}

/**
 * Writes what is said more than once only once. The published deliveries spell out a user a thousand times: compiling every one of them takes
 * a test process seconds.
 */
function share<T extends Record<string, Record<string, Json>>>(
  groups: T & { schemas: Record<string, Json> },
): T & { schemas: Record<string, Json> } {
  const times = new Map<string, number>()
  const each = (value: Json, visit: (schema: JsonObject) => void): void => {
    if (value === null || typeof value !== 'object') return
    for (const inner of Array.isArray(value) ? value : Object.values(value)) each(inner, visit)
    if (isShareable(value)) visit(value)
  }
  each(groups as Json, (schema) => {
    const text = JSON.stringify(schema)
    times.set(text, (times.get(text) ?? 0) + 1)
  })
  const shared = new Map<string, { name: string; schema: Json }>()
  const replace = (value: Json, top: boolean): Json => {
    if (value === null || typeof value !== 'object') return value
    if (Array.isArray(value)) return value.map((inner) => replace(inner, false))
    const text = isShareable(value) && !top ? JSON.stringify(value) : ''
    const known = shared.get(text)
    if (known !== undefined) return { $ref: `#/components/schemas/${known.name}` }
    const replaced = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, replace(inner, false)]))
    if ((times.get(text) ?? 0) < 2) return replaced
    const name = `shared-${shared.size + 1}`
    shared.set(text, { name, schema: replaced })
    return { $ref: `#/components/schemas/${name}` }
  }
  const result = Object.fromEntries(
    Object.entries(groups).map(([group, schemas]) => [
      group,
      Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, replace(schema, true)])),
    ]),
  ) as typeof groups
  for (const { name, schema } of shared.values()) result.schemas[name] = schema
  return result
}

/** Short ones are not worth a name. */
const isShareable = (value: Json): value is JsonObject =>
  value !== null &&
  typeof value === 'object' &&
  !Array.isArray(value) &&
  (typeof value['type'] === 'string' || Array.isArray(value['type'])) &&
  value['properties'] !== undefined &&
  JSON.stringify(value).length > 300

/** JSON with a line for every schema, so that a change of one is a change of one line. */
function printByLine(value: Record<string, Record<string, Record<string, Json>>>): string {
  const entries = (object: object) => Object.entries(object)
  const group = (schemas: Record<string, Json>) =>
    entries(schemas)
      .map(([name, schema]) => `${JSON.stringify(name)}: ${JSON.stringify(schema)}`)
      .join(',\n')
  const part = (groups: Record<string, Record<string, Json>>) =>
    entries(groups)
      .map(([name, schemas]) => `${JSON.stringify(name)}: {\n${group(schemas)}\n}`)
      .join(',\n')
  return `{\n${entries(value)
    .map(([name, groups]) => `${JSON.stringify(name)}: {\n${part(groups)}\n}`)
    .join(',\n')}\n}\n`
}

/** The GraphQL schema with nothing but the fields and arguments that are named, and what they lead to. */
function cutGraphql(source: string): string {
  const document = parse(source, { noLocation: true })
  const byName = new Map<string, DefinitionNode>()
  for (const definition of document.definitions) if ('name' in definition && definition.name) byName.set(definition.name.value, definition)
  const kept = new Map<string, DefinitionNode>()
  const base = (type: TypeNode): string => (type.kind === Kind.NAMED_TYPE ? type.name.value : base(type.type))
  const keep = (name: string): void => {
    if (kept.has(name)) return
    const definition = byName.get(name)
    if (definition === undefined) return
    const bare = { ...definition, description: undefined, directives: [] }
    if (definition.kind === Kind.OBJECT_TYPE_DEFINITION || definition.kind === Kind.INTERFACE_TYPE_DEFINITION) {
      const fields = chosenFields(name, definition.fields ?? [])
      const provides = (each: string) => namesOf(each).every((field) => namesOf(name).includes(field))
      const interfaces = definition.interfaces?.filter((each) => each.name.value in GRAPHQL && provides(each.name.value))
      kept.set(name, { ...bare, fields, interfaces } as DefinitionNode)
      for (const each of interfaces ?? []) keep(each.name.value)
      for (const field of fields) {
        keep(base(field.type))
        for (const argument of field.arguments ?? []) keep(base(argument.type))
      }
    } else if (definition.kind === Kind.UNION_TYPE_DEFINITION) {
      const types = definition.types?.filter((each) => each.name.value in GRAPHQL)
      kept.set(name, { ...bare, types } as DefinitionNode)
      for (const each of types ?? []) keep(each.name.value)
    } else if (definition.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION) {
      kept.set(name, { ...bare, fields: definition.fields?.map(plain) } as DefinitionNode)
      for (const field of definition.fields ?? []) keep(base(field.type))
    } else if (definition.kind === Kind.ENUM_TYPE_DEFINITION) {
      kept.set(name, { ...bare, values: definition.values?.map(plain) } as DefinitionNode)
    } else kept.set(name, bare as DefinitionNode)
  }
  for (const name of Object.keys(GRAPHQL)) {
    if (!byName.has(name)) throw new Error(`GraphQL has no type ${name}.`)
    keep(name)
  }
  const definitions = [...kept.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, definition]) => definition)
  return `${print({ kind: Kind.DOCUMENT, definitions } as DocumentNode)}\n`
}

const namesOf = (type: string): string[] => GRAPHQL[type]!.replaceAll(/\([^)]*\)/g, '').split(' ')

function chosenFields(type: string, fields: readonly FieldDefinitionNode[]): FieldDefinitionNode[] {
  const list = GRAPHQL[type]
  if (list === undefined) throw new Error(`GraphQL's type ${type} is reached, and none of its fields is named.`)
  return [...list.matchAll(/(\w+)(?:\(([\w,]*)\))?/g)].map(([, name, names]) => {
    const field = fields.find((each) => each.name.value === name)
    if (field === undefined) throw new Error(`GraphQL's type ${type} has no field ${name}.`)
    const wanted = new Set((names ?? '').split(',').filter((each) => each !== ''))
    const given = field.arguments?.filter((each) => wanted.delete(each.name.value)).map(plain)
    if (wanted.size > 0) throw new Error(`${type}.${name} has no argument ${[...wanted].join(', ')}.`)
    return plain({ ...field, arguments: given })
  })
}

const plain = <T extends object>(node: T): T => ({ ...node, description: undefined, directives: [] })

function at(value: Json | undefined, ...path: string[]): JsonObject | undefined {
  let current = value
  for (const key of path) {
    if (current === null || typeof current !== 'object' || Array.isArray(current)) return undefined
    current = current[key]
  }
  return current as JsonObject | undefined
}

function follow(document: JsonObject, value: Json): Json {
  const ref = (value as JsonObject)['$ref']
  return typeof ref === 'string' ? (at(document, ...ref.slice(2).split('/')) as Json) : value
}

if (import.meta.main) {
  const option = (name: string) => {
    const index = process.argv.indexOf(name)
    return index === -1 ? undefined : process.argv[index + 1]
  }
  const from = option('--from')
  if (from === undefined) {
    console.error('usage: node scripts/extract-schemas.ts --from DIR [--to DIR]; DIR is where the published packages are installed')
    process.exit(2)
  }
  const to = resolve(option('--to') ?? join(import.meta.dirname, '../test/twins/github'))
  try {
    const { schemas, graphql } = extractSchemas(resolve(from))
    writeFileSync(join(to, 'schemas.json'), schemas)
    writeFileSync(join(to, 'schema.graphql'), graphql)
  } catch (error) {
    console.error((error as Error).message)
    process.exit(1)
  }
}
