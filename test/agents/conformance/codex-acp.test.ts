// The contract of agents, on Zed's codex-acp.

import { candidateOf } from './candidates.ts'
import { testsOfContract } from './suite.ts'

testsOfContract(await candidateOf('codex-acp'))
