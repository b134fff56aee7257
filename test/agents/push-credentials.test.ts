// The real agent programs, in the HOME of an operator who may push, before a forge that takes the operator's pushes over HTTP.

import { execFile } from 'node:child_process'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createGithubWorld, type GithubWorld } from '../twins/github-world.ts'
import { candidates } from './conformance/candidates.ts'
import { createGround, git, play, type Candidate, type Ground } from './conformance/ground.ts'
import { createModel, type Model } from './model/server.ts'
import { answer, shell, write } from './model/steps.ts'
import { holdToSchemas } from './protocols.ts'

let model: Model
let github: GithubWorld
beforeAll(async () => {
  model = await createModel()
  github = await createGithubWorld({ repository: { private: false }, webhooks: false })
})
afterAll(async () => {
  await model.close()
  await github.close()
})
holdToSchemas()

const done = answer({ outcome: 'completed', summary: 'Greets.', question: null, prTitle: 'Greet', prBody: 'It greets.' })
const kinds = (await candidates()).map((candidate) => [candidate.kind, candidate] as const)

/** Answers the variables of the operator whose HOME this is: of a helper, and of a clone that says who commits. */
function operatorIn({ folder, clone }: Ground): Record<string, string> {
  const home = join(folder, 'home')
  const settings = join(home, '.gitconfig')
  mkdirSync(home, { recursive: true })
  writeFileSync(settings, '[credential]\n\thelper = store\n')
  const address = github.twin.url.replace('//', `//alice:${github.twin.userToken('alice')}@`)
  writeFileSync(join(home, '.git-credentials'), `${address}\n`)
  git(clone, 'config', 'user.name', 'Clo Ne')
  git(clone, 'config', 'user.email', 'clone@example.com')
  return { HOME: home, GIT_CONFIG_GLOBAL: settings }
}

async function tryToPush(candidate: Candidate, name: string): Promise<void> {
  const place = createGround()
  onTestFinished(place.remove)
  const env = operatorIn(place)
  const url = github.twin.cloneUrl(github.repository)
  const branch = (who: string): string => `refs/heads/${name}-${who}`
  const branches = (): string => git(github.repository.git.folder, 'for-each-ref', '--format=%(refname)')
  await promisify(execFile)('git', ['push', url, `HEAD:${branch('operator')}`], {
    cwd: place.worktree,
    env: { PATH: process.env['PATH'], ...env },
  })
  expect(branches()).toContain(branch('operator'))

  const script = [
    write('new.txt', 'x\n'),
    shell('git add --all && git commit --quiet --message "Greet" && git log -1 --format=made:%s'),
    // A sandbox with a loopback of its own has a proxy to ours.
    shell(`exec 2>&1; export no_proxy= NO_PROXY=; git ls-remote ${url} HEAD; git push ${url} HEAD:${branch('agent')}; echo tried`),
    shell('git config --get-all credential.helper; env | grep -c ^GIT_ASKPASS=$; echo looked'),
    done,
  ]
  const played = play(candidate, place, model, script, { network: true }, { env })
  expect(await played.turn.result).toMatchObject({ outcome: 'completed' })
  const printed = played.scenario
    .requests()
    .at(-1)!
    .results.map(({ output }) => output)
    .join('\n')
  expect(printed).toContain('made:Greet')
  expect(printed).toMatch(/could not read Username[\s\S]*tried/)
  expect(printed).toMatch(/[0-9a-f]{40}\tHEAD/)
  expect(printed).toMatch(/\n1\nlooked/)
  expect(branches()).not.toContain(branch('agent'))
}

describe.each(kinds)('%s', (kind, candidate) => {
  test('reads what is public, commits, and cannot push with what the operator has', () => tryToPush(candidate, kind))
})

test.each([
  ['few', 'inherit = "core"'],
  ['without-keys', 'ignore_default_excludes = false'],
])('codex does so too where its operator hands over few variables to commands (%s)', (name, policy) => {
  const [, codex] = kinds.find(([kind]) => kind === 'codex')!
  const create: Candidate['create'] = (place, ...more) => {
    const agent = codex.create(place, ...more)
    appendFileSync(join(place.folder, 'codex/config.toml'), `[shell_environment_policy]\n${policy}\n`)
    return agent
  }
  return tryToPush({ ...codex, create }, `codex-${name}`)
})
