// Content that nobody here made up: a published package is taken from one version to another, a file an issue, by a shell
// script as the agent, while the server is killed again and again.

import { createHash } from 'node:crypto'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { git } from '../../src/actors/git.ts'
import type { IssueDocument } from '../../src/app.ts'
import { createApi } from '../../src/cli/demo/api.ts'
import { landingsIn, signalbox } from '../../src/cli/demo/checks.ts'
import { killAt, killMoments } from '../../src/cli/demo/killer.ts'
import { processesMarked } from '../../src/cli/demo/marked.ts'
import { placesIn } from '../../src/cli/demo/project.ts'
import type { DemoPlaces } from '../../src/cli/demo/project.ts'
import { createServerProcess, freePort } from '../../src/cli/demo/server.ts'

const identity = { GIT_AUTHOR_NAME: 'A', GIT_AUTHOR_EMAIL: 'a@localhost', GIT_COMMITTER_NAME: 'A', GIT_COMMITTER_EMAIL: 'a@localhost' }
const modules = resolve(import.meta.dirname, '../../node_modules')

const upgrades = [
  {
    name: 'font-awesome 4.2.0 to 4.7.0: changed and added binaries, removed files, CRLF turned to LF',
    a: 'fixture-fonts-a',
    b: 'fixture-fonts-b',
  },
  { name: 'blessed 0.0.24 to 0.1.61: changed and added executables, new folders', a: 'fixture-terminal-a', b: 'fixture-terminal-b' },
  ...(process.env['SIGNALBOX_NIGHTLY']
    ? [{ name: 'blessed 0.1.61 back to 0.0.24: removed executables and folders', a: 'fixture-terminal-b', b: 'fixture-terminal-a' }]
    : []),
]

let places: DemoPlaces

beforeEach(async () => {
  places = placesIn(await realpath(await mkdtemp(join(tmpdir(), 'signalbox-upgrade-'))))
})

afterEach(async () => {
  await rm(places.folder, { recursive: true, force: true })
})

describe('a package of the registry, upgraded by patches', () => {
  it.each(upgrades)('$name', { timeout: 480_000 }, async ({ a, b }) => {
    const { paths, tree } = await preparePatches(join(modules, a), join(modules, b))
    expect(paths.length).toBeGreaterThan(20)
    const kills = 5
    const documents = await landAll(paths, kills)

    expect(documents.map(({ phase }) => phase)).toEqual(paths.map(() => 'done'))
    expect((await git(['rev-parse', 'main^{tree}'], { cwd: places.project })).stdout.trim()).toBe(tree)
    expect((await git(['status', '--porcelain'], { cwd: places.project })).stdout).toBe('')
    expect(await filesIn(places.project)).toEqual(await filesIn(join(modules, b)))
    const landings = await landingsIn(places.project)
    expect(landings.map(({ key }) => key).toSorted()).toEqual(documents.map(({ key }) => key).toSorted())
    expect(processesMarked(places.state)).toEqual([])
    expect(await signalbox(places, 'verify')).toMatchObject({ exitCode: 0 })
  })
})

/** Commits version A as the user's repository and writes one patch a differing file; answers the paths and the tree of B. */
async function preparePatches(a: string, b: string): Promise<{ paths: string[]; tree: string }> {
  const { project, folder } = places
  await cp(a, project, { recursive: true })
  await git(['init', '--quiet', '--initial-branch=main'], { cwd: project })
  await git(['add', '--all', '--force'], { cwd: project })
  await git(['commit', '--quiet', '--message', 'Version A'], { cwd: project, env: identity })

  const scratch = join(folder, 'scratch')
  await cp(b, scratch, { recursive: true })
  await git(['clone', '--quiet', '--bare', project, join(scratch, '.git')], { cwd: folder })
  await git(['config', 'core.bare', 'false'], { cwd: scratch })
  await git(['add', '--all', '--force'], { cwd: scratch })
  await git(['commit', '--quiet', '--message', 'Version B'], { cwd: scratch, env: identity })

  const { stdout } = await git(['diff', '--name-only', '-z', '--no-renames', 'HEAD~1', 'HEAD'], { cwd: scratch })
  const paths = stdout.split('\0').filter((path) => path !== '')
  await mkdir(join(folder, 'patches'))
  for (const [index, path] of paths.entries()) {
    const diff = [
      'diff',
      '--binary',
      '--full-index',
      '--no-renames',
      `--output=${folder}/patches/PKG-${index + 1}.patch`,
      'HEAD~1',
      'HEAD',
      '--',
      path,
    ]
    await git(diff, { cwd: scratch })
  }
  return { paths, tree: (await git(['rev-parse', 'HEAD^{tree}'], { cwd: scratch })).stdout.trim() }
}

/** The agent. It cannot be done twice: an interrupted run must find its worktree as it was before. */
const agent = `#!/bin/sh
set -eu
git apply --binary "$1/$SIGNALBOX_ISSUE.patch"
git add --all --force
git commit --quiet --message "Apply $SIGNALBOX_ISSUE"
`

/** Files an issue a path and waits until all have landed, the server killed at seeded moments. */
async function landAll(paths: readonly string[], kills: number): Promise<IssueDocument[]> {
  const port = await freePort()
  await writeFile(join(places.folder, 'agent.sh'), agent)
  await chmod(join(places.folder, 'agent.sh'), 0o755)
  await mkdir(places.state)
  await writeFile(places.token, 'a-token-for-this-test\n', { mode: 0o600 })
  const configuration = {
    server: { port, operatorToken: 'file:operator-token' },
    store: { path: 'state/signalbox.db' },
    agents: { patches: { kind: 'command', command: `'${places.folder}/agent.sh' '${places.folder}/patches'` } },
    projects: [{ id: 'pkg', repo: './project', agent: 'patches', review: { by: 'none' } }],
  }
  await writeFile(places.config, JSON.stringify(configuration))

  const over = new AbortController()
  const api = createApi({ port, token: 'a-token-for-this-test', signal: over.signal })
  const onGone = (error: Error): void => over.abort(error)
  const server = createServerProcess({ places, keep: false, variables: process.env, isReady: api.isReady, onGone })
  let documents: IssueDocument[] = []
  const landed = (): number => documents.filter(({ phase }) => phase === 'done').length
  try {
    await server.start()
    const hasEnded = (): boolean => documents.length === paths.length && landed() === paths.length
    const victim = { milestones: landed, hasEnded, kill: () => server.kill(), restart: () => server.start() }
    const killing = killAt(killMoments(1, kills, paths.length), victim, over.signal).finally(() => (victim.kill = async () => {}))
    killing.catch(onGone)
    for (const [index, path] of paths.entries()) {
      expect(await api.submit({ title: `Bring ${path} to version B` }, `upgrade-${index}`)).toBe(`PKG-${index + 1}`)
    }
    const until = Date.now() + 400_000
    do {
      documents = await api.issues()
      await wait(100)
    } while (!hasEnded() && Date.now() < until)
    await killing
    documents = await api.issues()
    return documents.toSorted((first, second) => Number(first.key.slice(4)) - Number(second.key.slice(4)))
  } finally {
    over.abort(new Error('the test is over'))
    await server.stop()
  }
}

/** Every file below a folder, `.git` apart: its content's hash and whether it may be executed. */
async function filesIn(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {}
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const name = path.slice(folder.length + 1)
    if (!entry.isFile() || name.startsWith('.git/')) continue
    const hash = createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
    files[name] = `${hash} ${((await stat(path)).mode & 0o111) === 0 ? '' : 'executable'}`
  }
  return files
}
