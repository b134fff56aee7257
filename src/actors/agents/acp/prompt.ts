// What an agent is given to work on: the prompt, its pictures, and the form of its answer, for which the protocol has no schema.

import { readFile } from 'node:fs/promises'
import type { AgentRequest } from '../../ports.ts'
import { answerSchema } from '../answer.ts'

type Block = { type: 'text'; text: string } | { type: 'image'; mimeType: string; data: string }

/** Pictures go with it where the agent can look at them, and are named where it cannot, or where they cannot be read. */
export async function promptBlocks(request: AgentRequest, canSee: boolean): Promise<Block[]> {
  const pictures = await Promise.all(
    request.images.map(async ({ path, mediaType }) => {
      const data = canSee ? await readFile(path, 'base64').catch(() => null) : null
      return data === null ? { path } : { block: { type: 'image' as const, mimeType: mediaType, data } }
    }),
  )
  const named = pictures.flatMap(({ path }) => path ?? [])
  const parts = [
    request.prompt,
    ...(named.length === 0
      ? []
      : [
          `## Pictures\n\nThey belong to the above and cannot be shown to you here. Their files:\n\n${named.map((path) => `- ${path}`).join('\n')}`,
        ]),
    answerSection(request),
  ]
  return [{ type: 'text', text: parts.join('\n\n') }, ...pictures.flatMap(({ block }) => block ?? [])]
}

function answerSection(request: AgentRequest): string {
  return [
    '## Your answer',
    'When you are done, end your last message with your answer: one fenced block of JSON, with nothing after it. It has all the keys of this JSON Schema, and no others:',
    `\`\`\`json\n${JSON.stringify(answerSchema(request), null, 2)}\n\`\`\``,
  ].join('\n\n')
}

/**
 * The last message as `readLastWords` takes it. Chunks without an id run together: codex-acp puts its own warnings before what the model
 * says, so that a fence may begin in the middle of a line.
 */
export const lastWords = (words: string): string => words.replaceAll(/(?<=[^\n`])(```(?:json)?[ \t]*\n\{)/g, '\n$1')
