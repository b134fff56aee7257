// The contract of agents, on claude-agent-acp.

import { candidateOf } from './candidates.ts'
import { testsOfContract } from './suite.ts'

testsOfContract(await candidateOf('claude-agent-acp'))
