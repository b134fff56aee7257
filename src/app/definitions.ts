// The machines of this build, as durable actors.

import { defineActor } from '../actors/system/index.ts'
import { capacityMachine } from '../machines/capacity/machine.ts'
import { migrations as capacityMigrations } from '../machines/capacity/migrations.ts'
import { checkMachine } from '../machines/check/machine.ts'
import { entryMachine } from '../machines/entry/machine.ts'
import { issueMachine } from '../machines/issue/machine.ts'
import { migrations as issueMigrations } from '../machines/issue/migrations.ts'
import { queueMachine } from '../machines/queue/machine.ts'
import { migrations as queueMigrations } from '../machines/queue/migrations.ts'
import { reconciliationMachine } from '../machines/reconciliation/machine.ts'
import { runMachine } from '../machines/run/machine.ts'
import { migrations as runMigrations } from '../machines/run/migrations.ts'

/** The versions of the machines of this build; each change of a chart's states or context raises one. */
export const definitions = {
  issue: defineActor(issueMachine, { version: 4, migrations: issueMigrations }),
  run: defineActor(runMachine, { version: 4, migrations: runMigrations }),
  queue: defineActor(queueMachine, { version: 2, migrations: queueMigrations }),
  entry: defineActor(entryMachine, { version: 1 }),
  capacity: defineActor(capacityMachine, { version: 2, migrations: capacityMigrations }),
  check: defineActor(checkMachine, { version: 1 }),
  reconciliation: defineActor(reconciliationMachine, { version: 1 }),
}
