// The contract of agents, on the real Codex.

import { candidateOf } from './candidates.ts'
import { testsOfContract } from './suite.ts'

testsOfContract(await candidateOf('codex'))
