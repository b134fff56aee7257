// The contract of agents, on any command line.

import { candidateOf } from './candidates.ts'
import { testsOfContract } from './suite.ts'

testsOfContract(await candidateOf('command'))
