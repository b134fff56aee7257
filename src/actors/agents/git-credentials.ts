// What keeps the git that an agent calls from the credentials of the operator, whose HOME it has: Signalbox publishes, no agent does.
//
// It is the environment's doing, and an agent that means to can undo it: only a sandbox that hides HOME takes the files away.

import { join } from 'node:path'

/** Read after every file of settings. An empty value ends the list of those before. */
const settings: readonly (readonly [key: string, value: string])[] = [
  ['credential.helper', ''],
  ['http.extraHeader', ''],
  // With nobody's name asked for, curl does not look for one in ~/.netrc.
  ['http.emptyAuth', 'true'],
]

/** Git's words for a shell, which is handed the host and the command after it. */
const noKeys = 'echo "Agents have no keys here: Signalbox publishes what is committed." >&2; exit 1;'

/**
 * The environment of an agent, with no helper, program that is asked, password, header or key for git, and no login of `gh`. What is
 * configured for the agent, `env`, wins. `temporary`: a folder of the turn's own.
 */
export function withoutCredentials(env: Record<string, string>, temporary: string): Record<string, string> {
  const { GIT_CONFIG_COUNT: count = '0', ...configured } = env
  const own: Record<string, string> = {
    GIT_TERMINAL_PROMPT: '0',
    // Set and empty: neither `core.askPass` nor SSH_ASKPASS is looked at.
    GIT_ASKPASS: '',
    GIT_SSH_COMMAND: noKeys,
    GH_CONFIG_DIR: join(temporary, 'gh'),
  }
  for (const [n, [key, value]] of settings.entries()) {
    own[`GIT_CONFIG_KEY_${n}`] = key
    own[`GIT_CONFIG_VALUE_${n}`] = value
  }
  // Settings of the agent's own come after ours.
  const later = (name: string): string => name.replace(/(?<=^GIT_CONFIG_(KEY|VALUE)_)\d+$/, (n) => String(Number(n) + settings.length))
  for (const [name, value] of Object.entries(configured)) own[later(name)] = value
  return { ...own, GIT_CONFIG_COUNT: String(Number(count) + settings.length) }
}
