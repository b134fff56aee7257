// Composes system, machines and ports into the issue runtime: what a server or an embedder mounts.

export type * from './app/contract.ts'
