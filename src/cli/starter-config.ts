// The commented configuration that init writes.

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface Starter {
  id: string
  repo: string
  baseBranch: string
  agentCommand: string
  ciCommand: string | null
  tokenFile: string
}

export function starterConfig({ id, repo, baseBranch, agentCommand, ciCommand, tokenFile }: Starter): string {
  const json = (value: unknown): string => JSON.stringify(value)
  // For editors only. A path with letters that a URL escapes is escaped here as well.
  const schema = new URL('../../schema/signalbox.schema.json', import.meta.url)
  const schemaLine = existsSync(fileURLToPath(schema)) ? `  "$schema": ${json(schema.href)},\n` : ''
  const ci =
    ciCommand === null
      ? '      // "ci": { "command": "make test", "timeout": "20m" },'
      : `      "ci": { "command": ${json(ciCommand)}, "timeout": "20m" },`
  return `// Signalbox. JSON with comments and trailing commas; an unknown key is an error.
// A text that is wholly "$NAME", "file:PATH" or "credential:NAME" is replaced, except a command. Relative paths start at this file.
{
${schemaLine}  // What binds the page and the API. The token lies outside this file; keep it to yourself.
  "server": { "host": "127.0.0.1", "port": 8787, "operatorToken": ${json(`file:${tokenFile}`)} },

  // Issues and pull requests live here, on this machine. No account is needed.
  "tracker": { "kind": "local" },
  "forge": { "kind": "local" },

  // Any command line: it is run in the issue's worktree, with the prompt in the file $SIGNALBOX_PROMPT_FILE.
  "agents": {
    "agent": { "kind": "command", "command": ${json(agentCommand)}, "env": {} },
  },

  // How many agents at once, and how long one run may take.
  "limits": { "activeRuns": 4, "run": "120m", "progress": "15m" },

  "projects": [
    {
      "id": ${json(id)},
      "repo": ${json(repo)},
      // Where changes land. It is moved only by a landing that was tested.
      "baseBranch": ${json(baseBranch)},
      "agent": "agent",
      // What a change must pass, run in a clean worktree.
${ci}
      // "human": you approve each change (signalbox approve KEY, or the page). Also "agent" and "none".
      "review": { "by": "human" },
      // "queue" lands what is approved and green. "manual" waits for a human.
      "landing": { "method": "queue" },
      // Run once in each new worktree, for example to install dependencies.
      // "hooks": { "prepare": "npm ci" },
      // What one issue may spend; null is no limit.
      // "budgets": { "implementation": 3, "ci_repair": 10, "review_fix": 10, "hours": 24, "usd": 20 },
    },
  ],
}
`
}
