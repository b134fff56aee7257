// What a person's text asks for, by the agent's own command: the request on standard input, the answer on standard output, both JSON.

import { z } from 'zod'
import { FatalError, ProtocolError, RetryableError } from '../../errors.ts'
import { intents } from '../../machines/issue/intent.ts'
import type { Classification, ClassificationRequest } from '../ports.ts'
import { childEnvironment, runProcess } from '../process.ts'
import type { ProcessRecords } from './orphans.ts'

export interface ClassifierOptions {
  /** Run by `/bin/sh -c` in `folder`. */
  command: string
  env: Record<string, string>
  folder: string
  processes: ProcessRecords
  /** Milliseconds; over it the command is ended. Default 10,000: a person waits for it. */
  timeout?: number
}

const longestAnswer = 64 * 1024
const answer = z.object({ intent: z.enum(intents), confidence: z.number().min(0).max(1) })

/**
 * Contract of the answer: rejects with RetryableError `classifier-timeout`, FatalError `classifier-failed` (it could not be run, or
 * ended with another code than 0), ProtocolError `invalid-classification`; nothing of the process is left in any case.
 */
export function createClassifier(options: ClassifierOptions): (request: ClassificationRequest) => Promise<Classification> {
  const { command, env, folder, processes, timeout = 10_000 } = options
  return async (request) => {
    let forget: (() => void) | undefined
    try {
      const { exitCode, signal, stdout, stderr, timedOut } = await runProcess({
        ...{ command, cwd: folder, timeout, keep: longestAnswer, input: `${JSON.stringify({ ...request, intents })}\n` },
        env: childEnvironment({ ...env, ...processes.environment, SIGNALBOX_ISSUE: request.issue.key }),
        onStart: (identity) => {
          forget = processes.add(identity, `${request.issue.key} classify`)
        },
      })
      if (timedOut) throw new RetryableError('classifier-timeout', `The classifier gave no answer within ${Math.round(timeout / 1_000)} s.`)
      if (exitCode !== 0) {
        throw new FatalError('classifier-failed', `The classifier ended with ${exitCode ?? signal}: ${stderr.trim().slice(-500)}`)
      }
      return read(stdout)
    } finally {
      forget?.()
    }
  }
}

function read(text: string): Classification {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new ProtocolError('invalid-classification', `The classifier's answer is not JSON: ${text.trim().slice(0, 200)}`, { cause })
  }
  const parsed = answer.safeParse(value)
  if (parsed.success) return parsed.data
  const [first] = parsed.error.issues
  throw new ProtocolError('invalid-classification', `The classifier's answer is not valid: '${first!.path.join('.')}' ${first!.message}.`)
}
