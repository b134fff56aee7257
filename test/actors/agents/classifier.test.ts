// A command that reads what a person asks for, as a real process.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createClassifier } from '../../../src/actors/agents/classifier.ts'
import { createProcessRecords } from '../../../src/actors/agents/orphans.ts'
import { eventually, isAlive, temporaryFolder } from '../repository.ts'

function classifierOf(command: string, timeout?: number) {
  const folder = temporaryFolder()
  const options = {
    command,
    env: { MORE: 'more' },
    folder,
    processes: createProcessRecords(folder),
    ...(timeout === undefined ? {} : { timeout }),
  }
  const classify = createClassifier(options)
  return { folder, classify: (text = 'hold on') => classify({ text, issue: { key: 'APP-1', title: 'Greet' } }) }
}

test('gets the text and its issue, and what it may answer; its answer is read', async () => {
  const { folder, classify } = classifierOf(
    `cat > asked.json; echo "{\\"intent\\":\\"stop\\",\\"confidence\\":0.9,\\"more\\":\\"$MORE\\"}"`,
  )
  expect(await classify('Grüße, hold on')).toEqual({ intent: 'stop', confidence: 0.9 })
  expect(JSON.parse(readFileSync(join(folder, 'asked.json'), 'utf8'))).toEqual({
    text: 'Grüße, hold on',
    issue: { key: 'APP-1', title: 'Greet' },
    intents: ['instruction', 'status', 'stop'],
  })
})

test.each([
  ['no JSON', 'echo stop', 'invalid-classification', 'not JSON: stop'],
  ['nothing', 'true', 'invalid-classification', 'not JSON'],
  ['an unknown intent', `echo '{"intent":"dance","confidence":1}'`, 'invalid-classification', "'intent'"],
  ['too much confidence', `echo '{"intent":"stop","confidence":2}'`, 'invalid-classification', "'confidence'"],
  ['a failure', 'echo no room >&2; exit 3', 'classifier-failed', 'ended with 3: no room'],
  ['a program that is not there', 'no-such-program', 'classifier-failed', '127'],
])('that answers with %s is told apart', async (_what, command, code, words) => {
  const { classify } = classifierOf(command)
  await expect(classify()).rejects.toMatchObject({ code, message: expect.stringContaining(words) })
})

test('that does not answer is ended, with what it started', async () => {
  const { folder, classify } = classifierOf('sleep 60 & echo $! > child; wait', 300)
  await expect(classify()).rejects.toMatchObject({ code: 'classifier-timeout' })
  const child = Number(readFileSync(join(folder, 'child'), 'utf8'))
  await eventually(() => !isAlive(child))
})
