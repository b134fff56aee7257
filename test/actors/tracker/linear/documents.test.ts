// Every document that is sent to Linear is one that its schema allows.

import { parse, validate } from 'graphql'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { linearSchema } from '../../../twins/linear/schema.ts'

const folder = join(import.meta.dirname, '../../../../src/actors/tracker/linear/documents')
const files = readdirSync(folder).filter((name) => name !== 'operation.ts')

/** The documents in a module: operations, and pairs of them. */
function documentsIn(exported: unknown): string[] {
  if (typeof exported !== 'object' || exported === null) return []
  if ('document' in exported) return [exported.document as string]
  return 'create' in exported ? Object.values(exported).flatMap(documentsIn) : []
}

describe.each(files)('%s', async (file) => {
  const documents = Object.values((await import(join(folder, file))) as Record<string, unknown>).flatMap(documentsIn)

  test('there are some', () => expect(documents.length).toBeGreaterThan(2))
  test.each(documents.map((document) => [/(?:query|mutation) (\w+)/.exec(document)?.[1], document]))('%s', (name, document) => {
    expect(name).toMatch(/^Signalbox\w+$/)
    expect(validate(linearSchema(), parse(document!)).map(({ message }) => message)).toEqual([])
  })

  test('no connection is asked for without saying how much of it', () => {
    for (const document of documents) {
      for (const [, before] of document.matchAll(/(\S[^\n]*?)\{ ?nodes|(\S[^\n]*)\{\n\s*nodes/g))
        expect(before ?? 'first:').toContain('first:')
    }
  })
})
