// Holds every answer and delivery against GitHub's published schema; what does not follow it is a problem of the twin.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import addFormats from 'ajv-formats'
import { Ajv } from 'ajv'
import type { ValidateFunction } from 'ajv'

interface Extracted {
  rest: { operations: Record<string, Record<string, object | null>>; schemas: Record<string, object> }
  webhooks: { deliveries: Record<string, object>; schemas: Record<string, object> }
}

export interface Schemas {
  /** What is wrong with an answer, or undefined. */
  answer(operation: string, status: number, body: unknown): string | undefined
  /** What is wrong with a delivery, or undefined; `name` as in `pull-request-opened`. */
  delivery(name: string, payload: unknown): string | undefined
}

let loaded: Schemas | undefined

/** The committed schemas, compiled as they are needed and shared by all twins of a process. */
export function loadSchemas(): Schemas {
  loaded ??= load(JSON.parse(readFileSync(join(import.meta.dirname, 'schemas.json'), 'utf8')) as Extracted)
  return loaded
}

function load(extracted: Extracted): Schemas {
  const rest = compiler(extracted.rest.schemas)
  const webhooks = compiler(extracted.webhooks.schemas)
  return {
    answer(operation, status, body) {
      const responses = extracted.rest.operations[operation]
      if (responses === undefined) return `${operation} is not among the operations of the twin`
      let schema = responses[status]
      // Codes that GitHub gives everywhere are not listed with every operation; their body is always an error of the basic form.
      if (schema === undefined && status >= 400) schema = { $ref: '#/components/schemas/basic-error' }
      if (schema === undefined) return [301, 304, 307].includes(status) ? undefined : `${operation} has no answer with status ${status}`
      if (schema === null) return body === undefined ? undefined : `${operation} ${status} has no body`
      return rest(`${operation} ${status}`, schema, body)
    },
    delivery(name, payload) {
      const schema = extracted.webhooks.deliveries[name]
      if (schema === undefined) return `${name} is not among the deliveries of the twin`
      return webhooks(name, schema, payload)
    },
  }
}

function compiler(schemas: Record<string, object>) {
  const ajv = new Ajv({ strict: false, logger: false, inlineRefs: false, validateSchema: false, code: { optimize: false } })
  ;(addFormats as unknown as (ajv: Ajv) => void)(ajv)
  ajv.addSchema({ $id: 'published', components: { schemas } })
  const compiled = new Map<string, ValidateFunction>()
  return (key: string, schema: object, value: unknown): string | undefined => {
    let validate = compiled.get(key)
    if (validate === undefined) {
      validate = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"published#/components/')) as object)
      compiled.set(key, validate)
    }
    if (validate(value)) return undefined
    const found = (validate.errors ?? [])
      .slice(0, 4)
      .map((error) => `${error.instancePath || '/'} ${error.message} ${JSON.stringify(error.params)}`)
    return `${key}: ${found.join('; ')}`
  }
}
