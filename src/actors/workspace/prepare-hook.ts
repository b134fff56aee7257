// The project's own preparation of a worktree (`hooks.prepare`): installing dependencies, initialising submodules.

import { FatalError, RetryableError } from '../../errors.ts'
import type { WorkspaceRequest } from '../ports.ts'
import { childEnvironment, runProcess } from '../process.ts'

export interface PrepareHook {
  /** Run by `/bin/sh -c` in the worktree. It comes from the configuration, so that no branch can change its own hook. */
  command: string
  /** Milliseconds. */
  timeout: number
}

/**
 * Throws FatalError `prepare-hook-failed` with the end of what it printed; RetryableError `prepare-hook-unavailable` when it
 * could not be run (126, 127) or took too long: failures of the environment, which spend no budget.
 */
export async function runPrepareHook(
  { command, timeout }: PrepareHook,
  path: string,
  { key, branch, base, runId, signal: abort }: WorkspaceRequest & { runId: string; signal?: AbortSignal },
  env: Record<string, string>,
): Promise<void> {
  const { exitCode, signal, timedOut, aborted, stdout, stderr } = await runProcess({
    command,
    cwd: path,
    timeout,
    signal: abort,
    env: childEnvironment({
      GIT_TERMINAL_PROMPT: '0',
      ...env,
      SIGNALBOX_ISSUE: key,
      SIGNALBOX_RUN_ID: runId,
      SIGNALBOX_BRANCH: branch,
      SIGNALBOX_BASE: base,
      SIGNALBOX_WORKTREE: path,
    }),
  })
  if (aborted) throw new RetryableError('prepare-hook-aborted', 'hooks.prepare was ended, because its run was.')
  if (exitCode === 0 && !timedOut) return
  const words = (stderr.trim() === '' ? stdout : stderr).trim().slice(-1_000)
  const said = words === '' ? '' : ` It ended with:\n${words}`
  if (timedOut) {
    throw new RetryableError('prepare-hook-unavailable', `hooks.prepare did not end within ${Math.round(timeout / 1_000)} s.${said}`, {
      retryAfter: 30_000,
    })
  }
  if (exitCode === 126 || exitCode === 127) {
    throw new RetryableError('prepare-hook-unavailable', `hooks.prepare could not be run (exit code ${exitCode}).${said}`, {
      retryAfter: 30_000,
    })
  }
  throw new FatalError('prepare-hook-failed', `hooks.prepare ended with ${exitCode === null ? signal : `exit code ${exitCode}`}.${said}`)
}
