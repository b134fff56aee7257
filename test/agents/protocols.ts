// Every message of every trial, sent and received, held against the schemas that the agents' makers publish. Claude Code has none.

import { afterAll, afterEach, beforeAll } from 'vitest'
import { acpSchema, watchAcp } from './acp-protocol.ts'
import { agentBinaries } from './binaries.ts'
import { codexSchema, watchCodex, type CodexSchema } from './codex-protocol.ts'

/** Registers it for all tests of a file. */
export function holdToSchemas(): void {
  let schema: CodexSchema
  let watched: { problems: string[]; stop: () => void }[]
  beforeAll(async () => {
    const binaries = await agentBinaries()
    schema = codexSchema(binaries.codex)
    watched = [watchCodex(schema), watchAcp(acpSchema(binaries))]
  })
  afterEach(() => {
    const problems = watched.flatMap((one) => one.problems.splice(0))
    if (problems.length > 0) throw new Error(problems.join('\n'))
  })
  afterAll(() => {
    for (const { stop } of watched) stop()
    schema.remove()
  })
}
