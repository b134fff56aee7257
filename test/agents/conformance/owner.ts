// Run by the suite as a process of its own: a Signalbox that begins a turn, tells its thread, and is killed.

import { useProcessHost } from '../../../src/actors/process.ts'
import { createProcessRecords } from '../../../src/actors/agents/orphans.ts'
import type { ScenarioHandle } from '../model/server.ts'
import { candidates } from './candidates.ts'
import { requestOf, type Ground } from './ground.ts'

export interface OwnedTurn {
  kind: string
  ground: Omit<Ground, 'processes'> & { processes?: undefined }
  scenario: Pick<ScenarioHandle, 'name' | 'responsesUrl' | 'messagesUrl'>
}

const { kind, ground: plain, scenario } = JSON.parse(process.argv[2]!) as OwnedTurn
const ground: Ground = { ...plain, processes: createProcessRecords(plain.dataFolder) }
const candidate = (await candidates()).find((one) => one.kind === kind)!
useProcessHost()
candidate.create(ground, scenario, {}).start(requestOf(candidate, ground, 'run-owned'), {
  signal: new AbortController().signal,
  onEvent: (event) => {
    if (event.type === 'started') process.stdout.write(`${JSON.stringify({ thread: event.thread, group: event.process.group })}\n`)
  },
})
setInterval(() => {}, 1_000)
