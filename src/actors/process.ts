// Starts child processes, all of them, from this process or from a small one that is kept for it.

import { tracingChannel } from 'node:diagnostics_channel'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { hostInUse } from './process/host.ts'
import { runHere, type ProcessRequest, type ProcessResult } from './process/run.ts'

export { endMarked, endProcessGroup, identityOf, type ProcessIdentity } from './process/group.ts'
export { useProcessHost } from './process/host.ts'
export type { Dialogue, ProcessRequest, ProcessResult, Stdin } from './process/run.ts'

/** Every process that is started, with its request; `result` once it has ended. For whoever watches what is done. */
const channel = tracingChannel<unknown, { request: ProcessRequest; result?: ProcessResult }>('signalbox:process')

/**
 * Runs one process to its end. Contract: rejects only when it cannot be started (FatalError `process-not-found`,
 * `process-folder-missing`, `process-not-startable`; RetryableError `process-limit`, `process-host-lost`) or when a callback threw,
 * with its error.
 */
export function runProcess(request: ProcessRequest): Promise<ProcessResult> {
  const run = hostInUse() ?? runHere
  return channel.hasSubscribers ? channel.tracePromise(() => run(request), { request }) : run(request)
}

const passedOn = ['PATH', 'HOME', 'USER', 'SHELL', 'LANG', 'TERM', 'TMPDIR']

/** The environment of agents, checks and hooks (interface.md §5): a fixed list, so that no secret of ours gets there by accident, and `extra`. */
export function childEnvironment(extra: Record<string, string> = {}): Record<string, string> {
  const env: Record<string, string> = { PATH: '/usr/local/bin:/usr/bin:/bin' }
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && (passedOn.includes(name) || name.startsWith('LC_'))) env[name] = value
  }
  return { ...env, ...extra }
}

/** Whether a program is found by its name with this environment. */
export const isOnPath = (program: string, env: Record<string, string>): boolean =>
  (env['PATH'] ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, program)))
