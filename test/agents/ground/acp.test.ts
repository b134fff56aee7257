// The scripted model before the real agents that speak the Agent Client Protocol, and before several agents at once.

import { describe, expect, test } from 'vitest'
import { say, shell } from '../model/steps.ts'
import { claudeAgentAcp, codexAcp } from './talk/acp.ts'
import { claude } from './talk/claude.ts'
import { codex } from './talk/codex.ts'
import { talkWith } from './talk/talk.ts'
import { testsOfTheModel, testsOfWork } from './vocabulary.ts'

describe('codex-acp', () => {
  // It tells of the tokens in the window only, and reads on in the background when it is cancelled.
  testsOfWork(codexAcp, { counts: false, closes: false })
  testsOfTheModel(codexAcp, {
    'rate-limit': [429, /"response_too_many_failed_attempts":\{"http_status_code":429\}/],
    unauthorized: [401, /unexpected status 401 Unauthorized/],
    'server-error': [500, /"internal_server_error"/],
    overloaded: [503, /"server_overloaded"/],
    'no-credit': [429, /"response_too_many_failed_attempts"/],
    'context-exhausted': [400, /context_length_exceeded/],
  })
})

// It takes seconds to start: what it adds to Claude is tried, and no more.
describe('claude-agent-acp', () => {
  testsOfWork(claudeAgentAcp)
})

test('several agents talk to one model at once, and none takes the steps of another', async () => {
  const outcomes = await Promise.all(
    [codex, claude, codexAcp].map(async (agent, index) => {
      const { say: prompt, scenario } = await talkWith(agent, [shell(`echo ${index}`), say(`This is ${index}.`)])
      const { text } = await prompt('Who are you?')
      return [text.slice(-10), scenario.left(), scenario.requests().length]
    }),
  )
  expect(outcomes).toEqual([0, 1, 2].map((index) => [`This is ${index}.`, 0, 2]))
})
