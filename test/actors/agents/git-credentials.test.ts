// What the operator's HOME has for pushing, by each of git's ways to find it, tried from inside an agent on a real server for git over
// HTTP: the same push goes through for a process with the operator's environment.

import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createCommandAgent } from '../../../src/actors/agents/command.ts'
import { createProcessRecords } from '../../../src/actors/agents/orphans.ts'
import { childEnvironment } from '../../../src/actors/process.ts'
import { runPrepareHook } from '../../../src/actors/workspace/prepare-hook.ts'
import { createGithubWorld, type GithubWorld } from '../../twins/github-world.ts'
import { makeRepository, read, run, script, temporaryFolder, write } from '../repository.ts'

let github: GithubWorld
let token: string
let url: string
const operatorsHome = process.env['HOME']
beforeAll(async () => {
  github = await createGithubWorld({ repository: { private: false }, webhooks: false })
  token = github.twin.userToken('alice')
  url = github.twin.cloneUrl(github.repository)
})
afterAll(() => github.close())

let folder: string
let home: string
let worktree: string
let origin: string
beforeEach(() => {
  folder = temporaryFolder()
  home = join(folder, 'home')
  mkdirSync(home)
  process.env['HOME'] = home
  worktree = makeRepository(join(folder, 'worktree'))
  origin = join(folder, 'origin.git')
  run(folder, 'clone', '--quiet', '--bare', worktree, origin)
  run(worktree, 'remote', 'add', 'origin', origin)
  for (const [name, value] of Object.entries({ 'user.name': 'Clo Ne', 'user.email': 'clone@example.com' }))
    run(worktree, 'config', name, value)
})
afterEach(() => {
  process.env['HOME'] = operatorsHome
})

/** What it printed, and whether it went well. */
async function inAgent(command: string, env: Record<string, string> = {}): Promise<{ ok: boolean; printed: string }> {
  const agent = createCommandAgent({
    name: 'mine',
    command: `{ ${command}; } > "$OUT" 2>&1`,
    env: { OUT: join(folder, 'out.txt'), ...env },
    processes: createProcessRecords(join(folder, 'data')),
  })
  const result = await agent.start(
    {
      ...{ agent: 'mine', issue: 'APP-1', project: 'app', runId: 'run-1', runType: 'implementation', turnKind: 'work', attempt: 1 },
      ...{ branch: 'signalbox/APP-1', base: 'trunk', worktree, folder: join(folder, 'turn'), prompt: 'Greet.', images: [], context: null },
      ...{ network: false, timeout: 60_000, thread: null, recovery: null },
    },
    { signal: new AbortController().signal, onEvent: () => {} },
  ).result
  return { ok: result.outcome === 'completed', printed: read(folder, 'out.txt') }
}

const operator = (...args: string[]) =>
  promisify(execFile)('git', args, { cwd: worktree, env: childEnvironment({ GIT_TERMINAL_PROMPT: '0' }) })

const branchesAt = (repository: string): string[] => run(repository, 'for-each-ref', '--format=%(refname)').split('\n')
const branches = (): string[] => branchesAt(github.repository.git.folder)

const login = () => ({ name: 'alice', password: token, address: url.replace('//', `//alice:${token}@`) })
const answering = () => script(home, 'askpass.sh', `case $1 in *sername*) echo alice;; *) echo ${token};; esac`)

/** Each plants a way to the repository, and answers the environment that configures it for an agent. */
const ways: Record<string, () => Record<string, string>> = {
  'a helper, for all addresses': () => {
    write(home, { '.gitconfig': '[credential]\n\thelper = store\n', '.git-credentials': `${login().address}\n` })
    return { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'credential.helper', GIT_CONFIG_VALUE_0: 'store' }
  },
  'a helper, for one address': () => {
    const key = new URL(url).origin
    write(home, { '.gitconfig': `[credential "${key}"]\n\thelper = store\n`, '.git-credentials': `${login().address}\n` })
    return { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: `credential.${key}.helper`, GIT_CONFIG_VALUE_0: 'store' }
  },
  'a helper of the clone’s own settings': () => {
    write(home, { '.git-credentials': `${login().address}\n` })
    run(worktree, 'config', 'credential.helper', 'store')
    return { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'credential.helper', GIT_CONFIG_VALUE_0: 'store' }
  },
  'a program that is asked': () => {
    write(home, { '.gitconfig': `[core]\n\taskPass = "${answering()}"\n` })
    return { GIT_ASKPASS: answering() }
  },
  'a password in .netrc': () => {
    write(home, { '.netrc': `machine 127.0.0.1 login alice password ${token}\n` })
    return { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'http.emptyAuth', GIT_CONFIG_VALUE_0: 'false' }
  },
  'a header': () => {
    const header = `Authorization: Basic ${Buffer.from(`alice:${token}`).toString('base64')}`
    write(home, { '.gitconfig': `[http]\n\textraHeader = "${header}"\n` })
    return { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'http.extraHeader', GIT_CONFIG_VALUE_0: header }
  },
}

describe.each(Object.entries(ways))('%s', (name, plant) => {
  const branch = (who: string): string => `refs/heads/${name.replaceAll(/\W+/g, '-')}-${who}`

  test('lets the operator push, and no agent but one that is configured to', async () => {
    const configured = plant()
    await operator('push', url, `HEAD:${branch('operator')}`)
    expect(branches()).toContain(branch('operator'))

    const { ok, printed } = await inAgent(`git push ${url} HEAD:${branch('agent')}`)
    expect(printed).toContain('could not read Username')
    expect(ok).toBe(false)
    expect(branches()).not.toContain(branch('agent'))
    expect((await inAgent(`printf 'url=${url}\\n\\n' | git credential fill`)).printed).not.toContain(token)

    expect(await inAgent(`git push ${url} HEAD:${branch('configured')}`, configured)).toMatchObject({ ok: true })
    expect(branches()).toContain(branch('configured'))
  })
})

test('SSH lets the operator push, and no agent but one that is configured to', async () => {
  // The other side is this machine: what is asked for there is run here.
  const ssh = script(home, 'ssh.sh', 'for last; do :; done; exec sh -c "$last"')
  write(home, { '.gitconfig': `[core]\n\tsshCommand = "'${ssh}'"\n` })
  const address = `ssh://git@example.invalid${encodeURI(origin)}`
  await operator('push', address, 'HEAD:refs/heads/operator')
  const { ok, printed } = await inAgent(`git push ${address} HEAD:refs/heads/agent`)
  expect(printed).toContain('Agents have no keys')
  expect(ok).toBe(false)
  expect(await inAgent(`git push ssh://git@example.invalid:2222/x HEAD:refs/heads/agent`)).toMatchObject({ ok: false })
  expect(branchesAt(origin)).not.toContain('refs/heads/agent')
  expect(await inAgent(`git push ${address} HEAD:refs/heads/configured`, { GIT_SSH_COMMAND: `'${ssh}'` })).toMatchObject({ ok: true })
  expect(branchesAt(origin)).toContain('refs/heads/configured')
})

test('what needs no credential goes on: commits by the clone’s identity, its origin, and what is public', async () => {
  ways['a helper, for all addresses']!()
  const { ok, printed } = await inAgent(
    `set -e; echo x > x.txt; git add x.txt; git commit --quiet --message x; git log -1 --format='by %an <%ae>'; git fetch origin; git clone --quiet ${url} ../public; ls ../public`,
  )
  expect(printed).toContain('by Clo Ne <clone@example.com>')
  expect(printed).toContain('README.md')
  expect(ok).toBe(true)
})

test('settings that are configured for an agent stand beside those that keep it from credentials', async () => {
  ways['a helper, for all addresses']!()
  const env = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'core.abbrev', GIT_CONFIG_VALUE_0: '40' }
  const { printed } = await inAgent(`git config core.abbrev; git push ${url} HEAD:refs/heads/beside`, env)
  expect(printed).toMatch(/^40\n/)
  expect(printed).toContain('could not read Username')
})

test('a hook that prepares worktrees has what the operator has: dependencies may be private', async () => {
  ways['a helper, for all addresses']!()
  const request = { project: 'app', key: 'APP-1', branch: 'signalbox/APP-1', base: 'trunk', runId: 'run-1' }
  const command = `git push ${url} HEAD:refs/heads/hook`
  await runPrepareHook({ command, timeout: 60_000 }, worktree, request, {})
  expect(branches()).toContain('refs/heads/hook')
})
