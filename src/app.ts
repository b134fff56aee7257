// Composes system, machines and ports into the issue runtime: what a server or an embedder mounts.

import { resolveKinds } from './actors/system/index.ts'
import { createReader, worktreeFinder } from './app/reader.ts'
import { createPreview } from './app/prompt-preview.ts'
import { definitions } from './app/definitions.ts'
import type { Reader } from './app/contract.ts'
import type { Config } from './config.ts'
import { warningsOf } from './config-warnings.ts'
import { sqliteStore } from './persistence/sqlite-store.ts'

export type * from './app/contract.ts'
export { createApp, type AppOptions } from './app/runtime.ts'

/** Reads the database of a configuration without owning it; a server may be running on it. Throws ConfigurationError `database-unusable`. */
export function openReader(config: Config): Reader {
  const store = sqliteStore(config.store.path, { readOnly: true })
  return createReader({
    store,
    database: store.database,
    kinds: resolveKinds(definitions, new Set()),
    worktreeOf: worktreeFinder(config.dataFolder),
    hosted: config.forge.kind !== 'local',
    linear: config.tracker.kind === 'linear',
    warnings: warningsOf(config),
    preview: createPreview({ config, store, database: store.database }),
    now: () => Date.now(),
    close: () => store.close(),
  })
}

/** The machines of this build and their versions. */
export function machineVersions(): { id: string; version: string }[] {
  return Object.entries(definitions).map(([id, { version }]) => ({ id, version }))
}
