// A changed configuration reaches the issues that live.

import type { ActorSystem } from '../actors/system/index.ts'
import type { Config } from '../config.ts'
import type { IssueContext } from '../machines/issue/context.ts'
import type { issueMachine } from '../machines/issue/machine.ts'
import type { SqliteDatabase } from '../persistence/database.ts'
import { rememberPolicy, toldPolicy } from '../persistence/project-policies.ts'
import type { ActorRow, StoreReader } from '../persistence/store.ts'
import type { definitions } from './definitions.ts'
import { toPolicy } from './policy.ts'

/** Resolves when each changed policy is durable with every issue of its project; looks at the issues only when one has changed. */
export async function tellPolicies(
  config: Config,
  { system, store, database }: { system: ActorSystem<typeof definitions>; store: StoreReader; database: SqliteDatabase },
): Promise<void> {
  const changed = new Map(
    config.projects.flatMap((project) => {
      const policy = toPolicy(config, project)
      return toldPolicy(database, project.id) === JSON.stringify(policy) ? [] : [[project.id, policy] as const]
    }),
  )
  if (changed.size === 0) return
  for (const page of pagesOf(store)) {
    const sends = page.flatMap((row) => {
      if (row.snapshot === null || row.status !== 'active') return []
      const { context } = JSON.parse(row.snapshot) as { context: IssueContext }
      const policy = changed.get(context.project)
      if (policy === undefined || JSON.stringify(policy) === JSON.stringify(context.policy)) return []
      return [system.ref<typeof issueMachine>(row.address).send({ type: 'policy.changed', policy })]
    })
    await Promise.all(sends)
  }
  for (const [project, policy] of changed) rememberPolicy(database, project, JSON.stringify(policy))
}

function* pagesOf(store: StoreReader): Generator<ActorRow[]> {
  const limit = 500
  for (let after = ''; ;) {
    const page = store.actors({ kind: 'issue', roots: true, after, limit })
    if (page.length > 0) yield page
    if (page.length < limit) return
    after = page.at(-1)!.address
  }
}
