// The scripted model before the real `claude`.

import { expect, test } from 'vitest'
import { fail, say } from '../model/steps.ts'
import { claude } from './talk/claude.ts'
import { talkWith } from './talk/talk.ts'
import { testsOfAnswers, testsOfTheModel, testsOfWork } from './vocabulary.ts'

testsOfWork(claude)
testsOfAnswers(claude)
testsOfTheModel(claude, {
  // First: in a longer conversation Claude makes a summary and tries again.
  'context-exhausted': [400, /^prompt_too_long 400 invalid_request$/],
  'rate-limit': [429, /^api_error 429 rate_limit$/],
  unauthorized: [401, /^api_error 401 authentication_failed$/],
  'server-error': [500, /^api_error 500 server_error$/],
  overloaded: [529, /^api_error 529 server_error$/],
  'no-credit': [400, /^api_error 400 billing_error$/],
})

test('a used-up plan is told with the time of its reset to a subscriber', async () => {
  const { say: prompt, program } = await talkWith(claude, [fail('usage-limit', { resetsIn: 3_600 })], { subscription: true })
  expect((await prompt('Go.')).failure).toBe('api_error 429 rate_limit')
  const told = program.messages.find(({ type }) => type === 'rate_limit_event')!
  expect(told['rate_limit_info']).toMatchObject({ status: 'rejected', rateLimitType: 'five_hour' })
  expect(told['rate_limit_info'].resetsAt * 1_000).toBeGreaterThan(Date.now() + 3_000_000)
})

test('a context that is exhausted later is summed up, which takes no step', async () => {
  const { say: prompt, program, scenario } = await talkWith(claude, [say('One.'), say('Two.'), fail('context-exhausted'), say('After.')])
  await prompt('First.')
  await prompt('Second.')
  expect(await prompt('Third.')).toMatchObject({ text: 'After.', failure: null })
  expect(program.messages.find(({ subtype }) => subtype === 'compact_boundary')).toBeDefined()
  expect(scenario.requests().at(-1)!.said.at(-1)).toBe('Third.')
})
