// Hands each fact of tracker and forge to its issue's actor, which the first one makes.

import type { Tracker } from '../actors/ports.ts'
import type { ActorSystem } from '../actors/system/index.ts'
import type { Config } from '../config.ts'
import { FatalError } from '../errors.ts'
import type { IssueInput } from '../machines/issue/context.ts'
import type { TrackerFact } from '../machines/issue/events.ts'
import type { SqliteDatabase } from '../persistence/database.ts'
import type { Fact } from '../persistence/fact-outbox.ts'
import { rememberKey } from '../persistence/issue-keys.ts'
import type { definitions } from './definitions.ts'
import { branchOf, projectOf, toPolicy } from './policy.ts'

/** Answers what delivers a fact: resolves when it is durable with its actor. Rejects with FatalError `unknown-issue` for a fact of an issue that the tracker has not told of. */
export function createDelivery({
  config,
  system,
  database,
  tracker,
}: {
  config: Config
  system: ActorSystem<typeof definitions>
  database: SqliteDatabase
  tracker: Pick<Tracker, 'projectOf'>
}): (fact: Fact) => Promise<void> {
  /** Issues whose actors are being made: facts that come in the meantime wait for them. */
  const births = new Map<string, Promise<unknown>>()
  const deliver = async (fact: Fact): Promise<void> => {
    const ref = system.ref(`issue/${fact.issue}`)
    // Only the tracker's own facts name the issue; a pull request may have a title too.
    const isWhole = fact.event.type.startsWith('tracker.') && 'title' in fact.event
    if (isWhole) rememberKey(database, { project: projectIdOf(fact), key: String(fact.event['key']), issue: fact.issue })
    if (births.has(fact.issue)) await births.get(fact.issue)
    else if (!ref.exists()) {
      if (!isWhole) throw new FatalError('unknown-issue', `its issue is not known`)
      const birth = inputOf(fact)
        .then((input) => system.spawn('issue', fact.issue, input))
        .finally(() => births.delete(fact.issue))
      births.set(fact.issue, birth)
      await birth
    }
    await ref.send(fact.event, { key: `fact:${fact.seq}` })
  }
  const projectIdOf = (fact: Fact): string => {
    const project = tracker.projectOf(fact.issue)
    if (project === undefined) throw new FatalError('unknown-issue', `its issue is not known`)
    return project
  }
  async function inputOf(fact: Fact): Promise<IssueInput> {
    const project = projectOf(config, projectIdOf(fact))
    const issue = fact.event as unknown as TrackerFact & { delegated?: boolean }
    return {
      id: fact.issue,
      project: project.id,
      policy: toPolicy(config, project),
      branch: branchOf(project.branchPrefix, issue.key, issue.title),
      base: project.baseBranch ?? '',
      issue,
      delegated: issue.delegated ?? false,
      observedAt: fact.event.observedAt,
    }
  }
  return deliver
}
