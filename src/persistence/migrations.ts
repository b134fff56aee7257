// The numbered migrations, oldest first; all that are pending run in one transaction. Never edit one that has been released: add the next.

import { actorSchema, machineEventsSchema } from './actor-schema.ts'
import { deliverySchema, deliveryTurnSchema } from './delivery-schema.ts'
import { factSchema } from './fact-schema.ts'
import { feedSchema, notifiedSchema } from './feed.ts'
import { forgeSchema } from './forge-schema.ts'
import { githubSchema, landingBranchSchema } from './github-schema.ts'
import { issueKeySchema } from './issue-keys.ts'
import { linearSchema, linearStopSchema } from './linear-schema.ts'
import { projectPolicySchema } from './project-policies.ts'
import { rerunSchema } from './rerun-schema.ts'
import { spendingSchema } from './spending.ts'
import { trackerSchema } from './tracker-schema.ts'

export const migrations: readonly { name: string; sql: string }[] = [
  { name: 'actors', sql: actorSchema },
  { name: 'embedded tracker and forge', sql: [factSchema, trackerSchema, forgeSchema, issueKeySchema, feedSchema].join('\n') },
  { name: 'what policies were told', sql: projectPolicySchema },
  { name: 'the events of machines', sql: machineEventsSchema },
  { name: 're-runs of checks', sql: rerunSchema },
  { name: 'GitHub and Linear', sql: [deliverySchema, githubSchema, linearSchema].join('\n') },
  { name: 'the turn of deliveries', sql: deliveryTurnSchema },
  { name: 'branches of candidates', sql: landingBranchSchema },
  { name: 'what runs have used', sql: spendingSchema },
  { name: 'what was told elsewhere', sql: notifiedSchema },
  { name: 'stops at Linear', sql: linearStopSchema },
]
