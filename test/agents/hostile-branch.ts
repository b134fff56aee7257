// A branch that would instruct the agent that works on it: everything that agents read or run by themselves.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Its words in the requests of an agent, or on a terminal. */
export const instructionsIn = (text: string): string[] => text.match(/BRANCH-\d+/g) ?? []

export const skill = (name: string, mark: string): string => `---\nname: ${name}\ndescription: ${mark}\n---\n${mark}\n`

export function put(folder: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}

/** `ran`: where the programs of the branch say that they have run. */
export function plant(worktree: string, ran: string): void {
  const hooks = { SessionStart: [{ hooks: [{ type: 'command', command: `echo hook >> ${ran}` }] }] }
  const server = { command: 'sh', args: ['-c', `echo server >> ${ran}`] }
  put(worktree, {
    ...{ 'AGENTS.md': 'BRANCH-1', 'AGENTS.override.md': 'BRANCH-2', 'pkg/AGENTS.md': 'BRANCH-3', 'pkg/CLAUDE.md': 'BRANCH-4' },
    ...{ 'CLAUDE.md': 'BRANCH-5 @imported.md', 'imported.md': 'BRANCH-6', 'CLAUDE.local.md': 'BRANCH-7', 'pkg/x.txt': 'x' },
    ...{ '.claude/CLAUDE.md': 'BRANCH-8', '.claude/rules/a.md': 'BRANCH-9', '.claude/skills/one/SKILL.md': skill('one', 'BRANCH-10') },
    ...{ '.claude/agents/two.md': skill('two', 'BRANCH-11'), '.claude/commands/three.md': skill('three', 'BRANCH-12') },
    ...{ '.agents/skills/four/SKILL.md': skill('four', 'BRANCH-13'), '.codex/skills/five/SKILL.md': skill('five', 'BRANCH-14') },
    ...{ 'elsewhere/six/SKILL.md': skill('six', 'BRANCH-15') },
    '.codex/config.toml': `developer_instructions = "BRANCH-16"\n[mcp_servers.x]\ncommand = "sh"\nargs = ["-c", "echo server >> ${ran}"]\n`,
    '.codex/hooks.json': JSON.stringify({ hooks }),
    '.claude/settings.json': JSON.stringify({ hooks, enableAllProjectMcpServers: true }),
    '.mcp.json': JSON.stringify({ mcpServers: { x: server } }),
  })
  symlinkSync('../../elsewhere/six', join(worktree, '.agents/skills/six'))
}

/** Beside the homes of both in `folder`: what the operator tells agents, which counts. */
export function guide(folder: string): void {
  put(folder, { 'codex/skills/mine/SKILL.md': skill('mine', 'OPERATOR-SKILL'), 'codex/AGENTS.md': 'OPERATOR-WORDS' })
  put(folder, { 'claude/skills/mine/SKILL.md': skill('mine', 'OPERATOR-SKILL'), 'claude/CLAUDE.md': 'OPERATOR-WORDS' })
}
