// What Codex's own sandbox lets commands write and reach: for a turn of its app-server, and in the words of its configuration.

import type { AgentRequest } from '../../ports.ts'
import type { SandboxMode } from '../talking.ts'
import { writableRoots } from '../writable-roots.ts'
import { waysTo } from './thread-config.ts'

export interface SandboxedPlace extends Pick<AgentRequest, 'worktree' | 'branch' | 'network'> {
  /** The agent's TMPDIR, where it has one: writable, too. */
  temporary: string | undefined
}

/** As the app-server wants it for one turn. */
export function sandboxPolicy(mode: SandboxMode, place: SandboxedPlace): object {
  if (mode === 'danger-full-access') return { type: 'dangerFullAccess' }
  if (mode === 'read-only') return { type: 'readOnly', networkAccess: place.network }
  return { type: 'workspaceWrite', ...workspaceWrite(place) }
}

/** The same in the table of `sandbox_mode = "workspace-write"`. https://developers.openai.com/codex/config-reference */
export function sandboxConfig(place: SandboxedPlace): object {
  const { writableRoots: roots, networkAccess, excludeTmpdirEnvVar, excludeSlashTmp } = workspaceWrite(place)
  return {
    writable_roots: roots,
    network_access: networkAccess,
    exclude_tmpdir_env_var: excludeTmpdirEnvVar,
    exclude_slash_tmp: excludeSlashTmp,
  }
}

const workspaceWrite = ({ worktree, branch, network, temporary }: SandboxedPlace) => ({
  writableRoots: writableRoots(worktree, branch),
  networkAccess: network,
  excludeTmpdirEnvVar: temporary !== undefined && isAround(temporary, worktree),
  excludeSlashTmp: isAround('/tmp', worktree),
})

/** A temporary folder in which the worktrees of others lie is not the agent's to write. */
const isAround = (temporary: string, worktree: string): boolean =>
  waysTo(temporary).some((folder) => waysTo(worktree).some((path) => path.startsWith(`${folder}/`)))
