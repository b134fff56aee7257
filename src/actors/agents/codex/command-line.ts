// How Codex is started for a person at a terminal: in the agent's sandbox, and like it not instructed by the branch.

import { quoted } from '../output-text.ts'
import type { CodexOptions } from '../codex.ts'
import { sandboxConfig, type SandboxedPlace } from './sandbox.ts'
import { withoutGuidance } from './thread-config.ts'

/** `thread`: null for a new conversation. The person is asked for what the sandbox does not allow. */
export function commandByHand(
  { command, model, sandbox }: Pick<CodexOptions, 'command' | 'model' | 'sandbox'>,
  { thread, ...place }: SandboxedPlace & { thread: string | null },
): string {
  const config = {
    // With a folder that nobody trusts or distrusts it asks, keeps the answer, and runs what the branch has in `.codex`.
    ...withoutGuidance(place.worktree),
    // Another mode has no use for it, and in the clone no folder is made for it.
    ...(sandbox === 'workspace-write' && { sandbox_workspace_write: sandboxConfig(place) }),
  }
  const args = [
    ...(thread === null ? [] : ['resume', thread]),
    ...['--cd', place.worktree, '--sandbox', sandbox, '--ask-for-approval', 'on-request'],
    ...Object.entries(config).flatMap(([name, value]) => ['-c', `${name}=${toToml(value)}`]),
    ...(model === null ? [] : ['--model', model]),
  ]
  // The configured command starts the server; what is before that word stays.
  return `${command.replace(/\s+app-server\b.*$/s, '')} ${args.map(quoted).join(' ')}`
}

/** What JSON has except null, in one line. Its texts are TOML's, but for one character. */
function toToml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toToml).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value).replaceAll('\u007f', '\\u007f')
  return `{${Object.entries(value)
    .map(([key, one]) => `${toToml(key)}=${toToml(one)}`)
    .join(',')}}`
}
