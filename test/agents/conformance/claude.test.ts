// The contract of agents, on the real Claude Code.

import { candidateOf } from './candidates.ts'
import { testsOfContract } from './suite.ts'

testsOfContract(await candidateOf('claude'))
