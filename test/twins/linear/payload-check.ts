// Holds every webhook against the payload types of `@linear/sdk`: what is required is there, and everything has its type.

import { readDeclarations, type DeclaredField } from './sdk-types.ts'

/** The type of the whole body by the `type` that it says; what is not listed is a change of an entity. */
const envelopes: Record<string, string> = {
  AgentSessionEvent: 'AgentSessionEventWebhookPayload',
  AppUserNotification: 'AppUserNotificationWebhookPayload',
  OAuthApp: 'OAuthAppWebhookPayload',
  PermissionChange: 'AppUserTeamAccessChangedWebhookPayload',
}

/** What is wrong with a webhook's body, one sentence each; nothing when it is as the SDK declares it. */
export function payloadProblems(body: Record<string, unknown>): string[] {
  const type = String(body['type'])
  const envelope = envelopes[type]
  if (envelope) return checkType(envelope, body, type)
  const data = `${type}WebhookPayload`
  if (!readDeclarations().types.has(data)) return [`${type}: the SDK knows no webhook of this type.`]
  return [
    ...checkType('EntityWebhookPayload', { ...body, data: undefined }, type).filter((problem) => !problem.startsWith(`${type}.data `)),
    ...checkType(data, body['data'], `${type}.data`),
  ]
}

function checkType(name: string, value: unknown, path: string): string[] {
  const { types, enums, unions } = readDeclarations()
  const values = enums.get(name)
  if (values) return values.includes(String(value)) ? [] : [`${path} is ${JSON.stringify(value)}, which is no ${name}.`]
  const members = unions.get(name)
  if (members) {
    const attempts = members.map((member) => checkType(member, value, path))
    if (attempts.some((problems) => problems.length === 0)) return []
    return [`${path} is none of ${members.join(', ')}: ${attempts.map((problems) => problems[0]).join(' / ')}`]
  }
  const declared = types.get(name)
  if (!declared) return [`${path} has the type ${name}, which the SDK does not declare.`]
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path} is no ${name}.`]
  const fields = new Map(declared.fields.map((field) => [field.name, field]))
  const problems = Object.entries(value)
    .filter(([field, given]) => given !== undefined && !fields.has(field))
    .map(([field]) => `${path}.${field} is no field of ${name}.`)
  for (const field of fields.values()) {
    problems.push(...checkField(field, (value as Record<string, unknown>)[field.name], `${path}.${field.name}`))
  }
  return problems
}

function checkField(field: DeclaredField, value: unknown, path: string): string[] {
  if (value === undefined || value === null) return field.optional ? [] : [`${path} is missing.`]
  return checkValue(field.type, value, path)
}

function checkValue(type: string, value: unknown, path: string): string[] {
  const maybe = /^Maybe<(.+)>$/.exec(type)
  if (maybe) return checkValue(maybe[1]!, value, path)
  const array = /^Array<(.+)>$/.exec(type)
  if (array) {
    if (!Array.isArray(value)) return [`${path} is no list.`]
    return value.flatMap((item, at) => checkValue(array[1]!, item, `${path}[${at}]`))
  }
  const scalar = /^Scalars\["(\w+)"\]$/.exec(type)
  if (scalar) return isScalar(scalar[1]!, value) ? [] : [`${path} is ${JSON.stringify(value)}, which is no ${scalar[1]}.`]
  return checkType(type, value, path)
}

function isScalar(name: string, value: unknown): boolean {
  switch (name) {
    case 'String':
    case 'ID':
      return typeof value === 'string'
    case 'Boolean':
      return typeof value === 'boolean'
    case 'Int':
      return Number.isInteger(value)
    case 'Float':
      return typeof value === 'number' && Number.isFinite(value)
    case 'DateTime':
      return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)
    case 'JSON':
    case 'JSONObject':
      return typeof value === 'object'
    default:
      return value === readDeclarations().scalars.get(name)
  }
}
