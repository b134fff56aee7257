// The library's public side: durable actors on an embedded database.

export * from './actors/system/index.ts'
export { sqliteStore, type SqliteStore } from './persistence/sqlite-store.ts'
export { memoryStore } from './persistence/memory-store.ts'
export type { Store, StoreReader } from './persistence/store.ts'
export { ConfigurationError, FatalError, ProtocolError, RetryableError, SignalboxError } from './errors.ts'
export { createApp, openReader, type Action, type App, type AppOptions, type IssueDocument, type Reader, type Submission } from './app.ts'
export { loadConfig, parseConfig, type Config } from './config.ts'
