// Run by orphans.test.ts as a process of its own: an owner of the data folder that starts an agent and is then killed.

import { createCommandAgent } from '../../../src/actors/agents/command.ts'
import { createProcessRecords } from '../../../src/actors/agents/orphans.ts'

const [data, worktree, command] = process.argv.slice(2) as [string, string, string]
const agent = createCommandAgent({ name: 'mine', command, env: {}, processes: createProcessRecords(data) })
const turn = agent.start(
  {
    agent: 'mine',
    issue: 'APP-1',
    project: 'app',
    runId: 'run-1',
    runType: 'implementation',
    turnKind: 'work',
    attempt: 1,
    branch: 'b',
    base: 'trunk',
    worktree,
    folder: `${data}/runs/APP-1/run-1`,
    prompt: '',
    images: [],
    network: false,
    context: null,
    timeout: 60_000,
    thread: null,
    recovery: null,
  },
  {
    signal: new AbortController().signal,
    onEvent: (event) => {
      if (event.type === 'progressed') process.stdout.write(`${event.line}\n`)
    },
  },
)
await turn.result
