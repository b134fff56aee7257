// What an agent is sent to work on, the prompt and its pictures, and how its last message is read.

import { readFile } from 'node:fs/promises'
import type { AgentRequest } from '../../ports.ts'

type Block = { type: 'text'; text: string } | { type: 'image'; mimeType: string; data: string }

/** The prompt as it is, which names its pictures; they go with it where the agent can look at them, and they can be read. */
export async function promptBlocks({ prompt, images }: Pick<AgentRequest, 'prompt' | 'images'>, canSee: boolean): Promise<Block[]> {
  const pictures = await Promise.all(
    (canSee ? images : []).map(async ({ path, mediaType }): Promise<Block[]> => {
      const data = await readFile(path, 'base64').catch(() => null)
      return data === null ? [] : [{ type: 'image', mimeType: mediaType, data }]
    }),
  )
  return [{ type: 'text', text: prompt }, ...pictures.flat()]
}

/**
 * The last message as `readLastWords` takes it. Chunks without an id run together: codex-acp puts its own warnings before what the model
 * says, so that a fence may begin in the middle of a line.
 */
export const lastWords = (words: string): string => words.replaceAll(/(?<=[^\n`])(```(?:json)?[ \t]*\n\{)/g, '\n$1')
