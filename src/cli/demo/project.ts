// Everything the demo writes into its folder: the sample repository, a real configuration, and the operator token.

import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { git } from '../../actors/git.ts'
import { branches, sources } from './sources.ts'

/** Where the demo's things are; all paths absolute. */
export interface DemoPlaces {
  folder: string
  project: string
  config: string
  token: string
  /** The data folder: Signalbox writes only here. */
  state: string
  serverLog: string
  /** Where the demo's deployments and its tests that come and go leave their marks. */
  deployed: string
  calm: string
}

export const projectId = 'demo'
export const baseBranch = 'main'
/** The branches of the demo's issues begin with this and a slash. */
export const branchPrefix = 'signalbox'

export function placesIn(folder: string): DemoPlaces {
  return {
    folder,
    project: join(folder, 'project'),
    config: join(folder, 'signalbox.config.json'),
    token: join(folder, 'operator-token'),
    state: join(folder, 'state'),
    serverLog: join(folder, 'server.log'),
    deployed: join(folder, 'deployed.txt'),
    calm: join(folder, 'calm'),
  }
}

/** Git's author and committer of the sample's first commit; dated, so that its hash is the same every time. */
export const identity = {
  GIT_AUTHOR_NAME: 'Signalbox demo',
  GIT_AUTHOR_EMAIL: 'demo@localhost',
  GIT_AUTHOR_DATE: '2025-01-01T00:00:00Z',
  GIT_COMMITTER_NAME: 'Signalbox demo',
  GIT_COMMITTER_EMAIL: 'demo@localhost',
  GIT_COMMITTER_DATE: '2025-01-01T00:00:00Z',
}

/** Makes the sample project as a git repository with its base branch checked out; answers its first commit. */
export async function writeProject(project: string): Promise<string> {
  for (const [path, content] of Object.entries(sources)) {
    await mkdir(dirname(join(project, path)), { recursive: true })
    await writeFile(join(project, path), content)
  }
  await git(['init', '--quiet', `--initial-branch=${baseBranch}`], { cwd: project })
  await git(['add', '--all'], { cwd: project })
  await git(['commit', '--quiet', '--message', 'A small library of texts and units'], { cwd: project, env: identity })
  const first = (await git(['rev-parse', 'HEAD'], { cwd: project })).stdout.trim()
  // Work that people have begun on branches of their own, one on top of the other.
  for (const { branch, from, files } of branches) {
    await git(['checkout', '--quiet', '-b', branch, from], { cwd: project })
    for (const [path, content] of Object.entries(files)) await writeFile(join(project, path), content)
    await git(['add', '--all'], { cwd: project })
    await git(['commit', '--quiet', '--message', `Work on ${branch}`], { cwd: project, env: identity })
  }
  await git(['checkout', '--quiet', baseBranch], { cwd: project })
  return first
}

/** Writes configuration and token. `token` is made when not given. Answers the token. */
export async function writeConfiguration(places: DemoPlaces, options: { port: number; seed: number; token?: string }): Promise<string> {
  const token = options.token ?? randomBytes(24).toString('base64url')
  await mkdir(places.state, { recursive: true, mode: 0o700 })
  await writeFile(places.token, `${token}\n`, { mode: 0o600 })
  await writeFile(places.config, configurationText(options, places))
  return token
}

/** Runs the sample's tests in one process, with the Node that runs this: an older one cannot run its files. */
export const testCommand = `${shellWord(process.execPath)} --test --test-isolation=none`

/** The program that plays the coding agent; its extension is that of this build. */
export function agentCommand(seed: number): string {
  const program = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './agent.ts' : './agent.js', import.meta.url))
  return `${shellWord(process.execPath)} ${shellWord(program)} --seed ${seed}`
}

/** A word that a shell takes as it is. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

function configurationText({ port, seed }: { port: number; seed: number }, { calm, deployed }: DemoPlaces): string {
  const string = JSON.stringify
  return `// Written by \`signalbox demo\`: a real configuration, to be read and changed. Paths are relative to this file.
{
  "server": { "host": "127.0.0.1", "port": ${port}, "operatorToken": "file:operator-token" },
  "store": { "path": "state/signalbox.db" },

  // Issues, pull requests, reviews, checks and the landing queue are Signalbox's own here: no accounts.
  "tracker": { "kind": "local" },
  "forge": { "kind": "local" },

  // A program that plays a coding agent. Put your own command here.
  "agents": {
    "scripted": {
      "kind": "command",
      "command": ${string(agentCommand(seed))},
      "env": { "DEMO_CALM": ${string(calm)} },
    },
  },
  "limits": { "activeRuns": 3, "run": "1m" },
  // How often is looked whether something has happened that nobody told of, such as a commit of yours on the base branch.
  "polling": { "shortest": "1s", "longest": "3s" },

  "projects": [
    {
      "id": ${string(projectId)},
      "repo": "./project",
      "baseBranch": ${string(baseBranch)},
      "branchPrefix": ${string(branchPrefix)},
      "agent": "scripted",
      "ci": { "command": ${string(testCommand)}, "timeout": "1m", "env": { "DEMO_CALM": ${string(calm)} } },
      // What is done with each commit that has landed, in a clean worktree of it.
      "deploy": { "command": "git rev-parse HEAD >> \\"$DEMO_DEPLOYED\\"", "env": { "DEMO_DEPLOYED": ${string(deployed)} } },
      // The demo plays this human, through the same API as the web page.
      "review": { "by": "human" },
      "delays": { "recovery": "1s", "settle": "1s" },
    },
  ],
}
`
}
