// What is done before a runtime takes events: processes that outlived the former one end, the actors that there is one of are there, and
// the repositories are opened.

import { isDeepStrictEqual } from 'node:util'
import { removeAllStandIns } from '../actors/agents/claude/stand-ins.ts'
import { endOrphans } from '../actors/agents/orphans.ts'
import type { Forge } from '../actors/ports.ts'
import type { ActorSystem } from '../actors/system/index.ts'
import type { Config } from '../config.ts'
import { RetryableError, toErrorData } from '../errors.ts'
import type { capacityMachine } from '../machines/capacity/machine.ts'
import type { queueMachine } from '../machines/queue/machine.ts'
import type { definitions } from './definitions.ts'
import { dayBudgets } from './policy.ts'

interface TakingUp {
  config: Config
  system: ActorSystem<typeof definitions>
  forge: Forge
  log: (level: 'warn' | 'error', line: Record<string, unknown>, message: string) => void
}

/** Rejects with the error of the first repository where none can ever be used. */
export async function takeUp({ config, system, forge, log }: TakingUp): Promise<void> {
  const orphans = await endOrphans(config.dataFolder)
  if (orphans.groups.length + orphans.marked > 0) {
    log('warn', { groups: orphans.groups.length, marked: orphans.marked }, 'Processes that outlived the former server were ended')
  }
  // Whatever kind the agents are of now: of which they were when they were killed is not asked.
  removeAllStandIns(config.dataFolder)
  await system.spawn('capacity', 'main', { limit: config.limits.activeRuns })
  await system.ref<typeof capacityMachine>('capacity/main').send({
    ...{ type: 'capacity.limited', limit: config.limits.activeRuns, budgets: dayBudgets(config) },
  })
  for (const { id, landing } of config.projects) {
    const { depth, retry } = landing
    await system.spawn('queue', id, { project: id, depth, retry })
    // Also one that an earlier version of its machine left goes on from here.
    await system.ref<typeof queueMachine>(`queue/${id}`).send({ type: 'queue.configured', depth, retry })
  }
  const reconciliation = await system.spawn('reconciliation', 'main', {})
  const { polling } = config
  const { pace } = (await reconciliation.snapshot()).context
  if (!isDeepStrictEqual(pace, polling)) await reconciliation.send({ type: 'pace.changed', pace: polling })
  const { incidents, failures } = await forge.start()
  for (const incident of incidents) log('warn', { ...incident }, `A ref was moved without Signalbox and has been put back: ${incident.ref}`)
  for (const { project, error } of failures)
    log('error', { project, error: toErrorData(error) }, `The repository of '${project}' cannot be used: ${toErrorData(error).message}`)
  // What is only away comes back: each repository is looked at again when it is used.
  const lasting = failures.filter(({ error }) => !(error instanceof RetryableError))
  if (lasting.length === config.projects.length) throw lasting[0]!.error
}
