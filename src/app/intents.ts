// How a person's text is read: by the fixed rules where they are sure, else by the agent's classifier where it is.

import type { Agent, ClassificationRequest } from '../actors/ports.ts'
import { toErrorData } from '../errors.ts'
import { isForUs } from '../machines/issue/inbox.ts'
import { intentOf, leastConfidence, type Intent } from '../machines/issue/intent.ts'

/**
 * The intent of a text, or null for what the fixed rules make of it: where they know its form, where nobody may be asked, and where
 * the answer is not sure enough or does not come. `warn` is told why an answer did not come. Never rejects.
 */
export async function readIntent(
  agent: Pick<Agent, 'classify' | 'leastConfidence'> | undefined,
  request: ClassificationRequest & { via: 'comment' | 'session' },
  warn: (message: string) => void,
): Promise<Intent | null> {
  const { text, issue, via } = request
  if (agent?.classify === undefined || !isForUs({ via, text }) || intentOf(text) !== 'instruction') return null
  try {
    const { intent, confidence } = await agent.classify({ text, issue })
    return confidence >= (agent.leastConfidence ?? leastConfidence) ? intent : null
  } catch (error) {
    warn(`${toErrorData(error).message} The fixed rules decide.`)
    return null
  }
}
