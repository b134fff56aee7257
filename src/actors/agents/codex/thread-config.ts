// What a thread of Codex is told beside the operator's own configuration, so that a branch does not instruct its own agent, and git finds
// no credentials. https://developers.openai.com/codex/config-reference

import { readdirSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentRequest } from '../../ports.ts'
import { withoutCredentials } from '../git-credentials.ts'
import { filesOf } from '../turn-process.ts'

/** `env`: as configured for the agent. Overrides single values of the operator's tables. */
export function threadConfig({ worktree, folder }: AgentRequest, env: Record<string, string>): object {
  const variables = Object.entries(withoutCredentials(env, filesOf(folder).temporary)).filter(([name]) => /^(GIT|GH)_/.test(name))
  return {
    ...withoutGuidance(worktree),
    // A policy that hands over few variables, or none with KEY in its name, would leave git with half of them.
    shell_environment_policy: { set: Object.fromEntries(variables) },
  }
}

/** What keeps a branch from instructing the agent, or the person, that works on it. */
export const withoutGuidance = (worktree: string) => ({
  // What the base branch tells agents is in the prompt.
  project_doc_max_bytes: 0,
  // Codex trusts a folder that it is to write in, and would run hooks and servers of its `.codex`, outside of the sandbox.
  projects: Object.fromEntries(waysTo(worktree).map((path) => [path, { trust_level: 'untrusted' }])),
  skills: { config: skillsOf(worktree).map((path) => ({ path, enabled: false })) },
})

const skillsOf = (worktree: string): string[] =>
  ['.agents/skills', '.codex/skills'].flatMap((folder) => skillsIn(join(worktree, folder), 8))

/** Links are followed, as Codex does. `depth`: a link may lead to where it lies. */
function skillsIn(folder: string, depth: number): string[] {
  if (depth === 0) return []
  return attempt(() => readdirSync(folder), []).flatMap((name) => {
    const path = join(folder, name)
    if (name === 'SKILL.md') return waysTo(path)
    return attempt(() => statSync(path).isDirectory(), false) ? skillsIn(path, depth - 1) : []
  })
}

/** The path, and where it leads to when that is elsewhere. */
export const waysTo = (path: string): string[] => [...new Set([path, attempt(() => realpathSync(path), path)])]

function attempt<T>(look: () => T, otherwise: T): T {
  try {
    return look()
  } catch {
    return otherwise // it is not there, or leads nowhere
  }
}
