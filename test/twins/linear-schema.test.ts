// The schema of the Linear twin is that of the SDK: every document of the SDK passes, and what Linear does not know is refused.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, validate, validateSchema } from 'graphql'
import { expect, test } from 'vitest'
import { linearSchema } from './linear/schema.ts'
import { sdkFolder } from './linear/sdk-types.ts'

test('the derived schema is a valid one', () => {
  expect(validateSchema(linearSchema())).toEqual([])
})

test('every document of the SDK validates against it', () => {
  const source = readFileSync(join(sdkFolder(), 'index.mjs'), 'utf8')
  const documents = [...source.matchAll(/new TypedDocumentString\(`([^]*?)`/g)].map((match) => match[1]!)
  // Documents with interpolation would not be what the SDK sends.
  expect(documents.filter((text) => text.includes('${'))).toEqual([])
  const operations = documents.filter((text) => /^\s*(query|mutation) /.test(text))
  expect(operations.length).toBeGreaterThan(500)
  const refused = operations.flatMap((text) => validate(linearSchema(), parse(text)).map((error) => error.message))
  expect(refused).toEqual([])
})

test.each([
  ['{ viewer { id nmae } }', 'Cannot query field "nmae" on type "User". Did you mean "name"?'],
  ['{ issue { id } }', 'of type "String!" is required'],
  ['{ issue(id: 3) { id } }', 'String cannot represent a non string value: 3'],
  ['mutation { issueUpdate(id: "a", input: { stateID: "b" }) { success } }', 'unknown field "stateID"'],
  [
    'mutation { attachmentLinkGitHubPR(issueId: "a", url: "b", linkKind: mends) { success } }',
    'Value "mends" does not exist in "GitLinkKind" enum',
  ],
])('%s is refused', (query, message) => {
  const [error] = validate(linearSchema(), parse(query))
  expect(error?.message).toContain(message)
})
