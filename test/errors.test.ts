// What every error has in common.

import { expect, test } from 'vitest'
import { FatalError, RetryableError, withoutCredentials } from '../src/errors.ts'

test.each([
  ['http://user:hunter2@127.0.0.1:8/r.git refused it', 'http://127.0.0.1:8/r.git refused it'],
  ['https://ghp_token@github.com/a/b', 'https://github.com/a/b'],
  ['HTTPS://u:p%40q@h/a and http://v:w@h/b', 'HTTPS://h/a and http://h/b'],
  ['ssh://git@host/a.git and git@host:a.git', 'ssh://git@host/a.git and git@host:a.git'],
  ['https://host/a@b and mail to ada@host', 'https://host/a@b and mail to ada@host'],
])('the secrets of addresses are not shown: %s', (text, shown) => {
  expect(withoutCredentials(text)).toBe(shown)
  expect(new FatalError('git-failed', text).message).toBe(shown)
  expect(new RetryableError('git-unreachable', text).message).toBe(shown)
})
