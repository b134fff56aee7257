// Gives up the runs that were told to end and cannot hear it: a faulted actor takes no event, and its issue would wait for it for ever.

import type { ActorSystem } from '../actors/system/index.ts'
import { toErrorData } from '../errors.ts'
import type { ActorRow } from '../persistence/store.ts'
import type { definitions } from './definitions.ts'

export interface FaultedRuns {
  /** Gives every faulted run of an issue up, whatever its issue waits for. */
  giveUp: (issue: string) => Promise<void>
}

/** Watches from now on, and looks at those that are there already: a kill may have come between the fault and its end. */
export function endFaultedRuns(
  system: ActorSystem<typeof definitions>,
  onProblem: (problem: { address: string; error: unknown }) => void,
): FaultedRuns {
  const { store } = system
  const faultedOf = (issue: string): ActorRow[] => {
    const row = store.actor(issue)
    return row === undefined ? [] : store.children(row.id).filter(({ fault }) => fault !== null)
  }
  const isEnding = (issue: string): boolean => {
    const snapshot = store.actor(issue)?.snapshot
    if (snapshot == null) return false
    return (JSON.parse(snapshot) as { value: { run?: unknown } }).value.run === 'stopping'
  }
  async function giveUp(issue: string): Promise<void> {
    for (const { address } of faultedOf(issue)) {
      await system
        .ref(address)
        .abandon()
        .catch((error: unknown) => {
          // Somebody else has got it over its fault, or has given it up.
          if (toErrorData(error).code !== 'not-faulted') throw error
        })
    }
  }
  const look = (issue: string): void => {
    if (!isEnding(issue) || faultedOf(issue).length === 0) return
    giveUp(issue).catch((error: unknown) => onProblem({ address: issue, error }))
  }

  const issuesWithFaults = new Set(store.faulted().map(({ address }) => issueOf(address)))
  system.onChanged((addresses) => {
    for (const address of addresses) {
      const issue = issueOf(address)
      if (address !== issue && store.actor(address)?.fault != null) issuesWithFaults.add(issue)
    }
    for (const issue of issuesWithFaults) {
      if (faultedOf(issue).length === 0) issuesWithFaults.delete(issue)
      else look(issue)
    }
  })
  for (const issue of issuesWithFaults) look(issue)
  return { giveUp }
}

const issueOf = (address: string): string => address.split('/', 2).join('/')
