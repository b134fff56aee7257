import { describe, expect, test } from 'vitest'
import { createVault } from '../../../../src/actors/tracker/linear/vault.ts'
import { Secret } from '../../../../src/config-values.ts'
import { ConfigurationError } from '../../../../src/errors.ts'

const secret = (value: string): Secret => new Secret('tracker.tokenKey', 'the configuration', null, () => value)
const vault = (tokenKey: string, ...former: string[]) => createVault({ tokenKey: secret(tokenKey), formerTokenKeys: former.map(secret) })
const code = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    if (error instanceof ConfigurationError) return error.code
    throw error
  }
  return 'nothing was thrown'
}

describe('tokens at rest', () => {
  test('what was sealed opens again, looks different each time, and shows neither the text nor the key', () => {
    const { seal, open } = vault('a key')
    const sealed = seal('lin_oauth_secret', 'org-1')
    expect(open(sealed, 'org-1')).toBe('lin_oauth_secret')
    expect(seal('lin_oauth_secret', 'org-1')).not.toBe(sealed)
    expect(sealed).toMatch(/^v1\.[0-9a-f]{8}\.[A-Za-z0-9+/=]+$/)
    expect(Buffer.from(sealed.split('.')[2]!, 'base64').toString('latin1')).not.toContain('lin_oauth')
  })

  test('a token of one workspace does not open as that of another, nor one that was changed (edge 380)', () => {
    const { seal, open } = vault('a key')
    const sealed = seal('token', 'org-1')
    expect(code(() => open(sealed, 'org-2'))).toBe('wrong-token-key')
    const bytes = Buffer.from(sealed.split('.')[2]!, 'base64')
    bytes[bytes.length - 1]! ^= 1
    const changed = [...sealed.split('.').slice(0, 2), bytes.toString('base64')].join('.')
    expect(code(() => open(changed, 'org-1'))).toBe('wrong-token-key')
  })

  test('a former key still opens, and what it has sealed is known for old', () => {
    const sealed = vault('old').seal('token', 'org-1')
    const next = vault('new', 'old')
    expect(next.open(sealed, 'org-1')).toBe('token')
    expect(next.isOld(sealed)).toBe(true)
    expect(next.isOld(next.seal('token', 'org-1'))).toBe(false)
  })

  test('another key and no key are said to be so, with what to do (edge 380)', () => {
    const sealed = vault('old').seal('token', 'org-1')
    expect(code(() => vault('new').open(sealed, 'org-1'))).toBe('wrong-token-key')
    expect(() => vault('new').open(sealed, 'org-1')).toThrow(/formerTokenKeys/)
    expect(code(() => createVault({ tokenKey: null, formerTokenKeys: [] }).seal('token', 'org-1'))).toBe('no-token-key')
  })
})
