// The scripted model before the real `codex app-server`.

import { expect, test } from 'vitest'
import { fail, say } from '../model/steps.ts'
import { codex } from './talk/codex.ts'
import { talkWith } from './talk/talk.ts'
import { testsOfAnswers, testsOfTheModel, testsOfWork } from './vocabulary.ts'

testsOfWork(codex)
testsOfAnswers(codex)
testsOfTheModel(codex, {
  'rate-limit': [429, /^failed \{"responseTooManyFailedAttempts":\{"httpStatusCode":429\}\}$/],
  unauthorized: [401, /^failed \{"httpConnectionFailed":\{"httpStatusCode":401\}\}$/],
  'server-error': [500, /^failed "internalServerError"$/],
  overloaded: [503, /^failed "serverOverloaded"$/],
  'no-credit': [429, /^failed "usageLimitExceeded"$/],
  'context-exhausted': [400, /^failed "contextWindowExceeded"$/],
})

test('a used-up plan is told with the time of its reset', async () => {
  const { say: prompt, program } = await talkWith(codex, [fail('usage-limit', { resetsIn: 3_600 })])
  expect((await prompt('Go.')).failure).toBe('failed "usageLimitExceeded"')
  const told = program.messages.filter(({ method }) => method === 'account/rateLimits/updated').at(-1)!
  expect(told['params'].rateLimits.primary).toMatchObject({ usedPercent: 100, windowDurationMins: 300 })
  expect(told['params'].rateLimits.primary.resetsAt * 1_000).toBeGreaterThan(Date.now() + 3_000_000)
})

test('a summary takes no step', async () => {
  const { say: prompt, program, scenario } = await talkWith(codex, [say('One.'), say('Two.')])
  await prompt('First.')
  const from = program.messages.length
  const threadId = program.messages.find(({ method }) => method === 'thread/started')!['params'].thread.id
  program.send({ id: 'compact', method: 'thread/compact/start', params: { threadId } })
  await program.until(({ method }) => method === 'turn/completed', from)
  expect(await prompt('Second.')).toMatchObject({ text: 'Two.', failure: null })
  expect(scenario.requests()).toHaveLength(2)
})
