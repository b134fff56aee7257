// The contract of agents, on the real Claude Code: with its sandbox where that works, and without where it does not.

import { describe } from 'vitest'
import { candidateOf } from './candidates.ts'
import { testsOfContract } from './suite.ts'

const claude = await candidateOf('claude')
describe(claude.can.sandbox ? 'in its sandbox' : 'without a sandbox: bubblewrap or socat is missing here', () => {
  testsOfContract(claude)
})
