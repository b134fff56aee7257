// An answer is the words of a model, of which the text of an issue may be the author: it sets no cost, no model and no class of failure.

import { describe, expect, test } from 'vitest'
import { readAnswer, readLastWords, readReport } from '../../../src/actors/agents/answer.ts'

const failing = { outcome: 'failed', summary: 'No.' }
const claims = { usage: { inputTokens: 5, usd: 1e6 }, model: 'cheap', failure: 'capacity', code: 'used-up', retryAt: 9e12 }
const failed = { outcome: 'failed', summary: 'No.', failure: 'agent', reason: 'No.' }

describe('what a model claims of itself is left out', () => {
  test.each([
    ['as its answer', (said: object) => readAnswer(JSON.stringify(said), 'It')],
    ['as its last words', (said: object) => readLastWords(JSON.stringify(said))],
    ['in a fence', (said: object) => readLastWords(`I see.\n\n\`\`\`json\n${JSON.stringify(said)}\n\`\`\`\n`)],
  ])('%s', (_, read) => {
    expect(read({ ...failing, ...claims })).toEqual(failed)
    expect(read({ ...failing, failure: 'environment' })).toEqual(failed)
    expect(read({ outcome: 'completed', summary: 'Done.', ...claims })).toEqual({ outcome: 'completed', summary: 'Done.' })
    // Nor does it matter what form it has.
    expect(read({ ...failing, usage: 'a lot', model: 7, failure: 'none', code: {}, retryAt: -1 })).toEqual(failed)
  })
})

test('what a program reports of itself counts', () => {
  expect(readReport(JSON.stringify({ ...failing, ...claims }), 'It')).toEqual({
    ...failed,
    ...claims,
    usage: { inputTokens: 5, cachedTokens: 0, outputTokens: 0, usd: 1e6 },
  })
})

test('what is no object is none, and what else an answer has in it is told', () => {
  for (const read of [readAnswer, readReport]) {
    for (const said of ['[]', 'null', '7']) expect(() => read(said, 'It')).toThrow('It is not valid: ')
    expect(() => read(JSON.stringify({ ...failing, sumary: 'x' }), 'It')).toThrow("unknown key 'sumary', did you mean 'summary'?")
  }
})
