// T12: whole issues a minute through the embedded loop with an instant agent, four runs at once, against a bare shell script that
// runs the same git, agent and check commands, in turns.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { git } from '../src/actors/git.ts'
import { createApp, type App } from '../src/app.ts'
import { parseConfig } from '../src/config.ts'
import { folder } from './databases.ts'
import { figure, rounds, tell, timed, type Figure } from './measure.ts'

const agent =
  'printf "%s\\n" "$SIGNALBOX_ISSUE" > "$SIGNALBOX_ISSUE.txt" && git add --all && git commit --quiet --message "$SIGNALBOX_ISSUE"'
const check = 'true'
/** Issues in one round, and how many are worked on at once. */
const issues = Number(process.env['SIGNALBOX_BENCH_ISSUES'] ?? 40)
const width = 4

const identity = {
  GIT_AUTHOR_NAME: 'Bench',
  GIT_AUTHOR_EMAIL: 'b@localhost',
  GIT_COMMITTER_NAME: 'Bench',
  GIT_COMMITTER_EMAIL: 'b@localhost',
}

async function makeProject(repo: string): Promise<void> {
  mkdirSync(repo, { recursive: true })
  writeFileSync(join(repo, 'README.md'), 'A project to be changed.\n')
  await git(['init', '--quiet', '--initial-branch=main'], { cwd: repo })
  await git(['add', '--all'], { cwd: repo })
  await git(['commit', '--quiet', '--message', 'first'], { cwd: repo, env: identity })
}

async function openApp(place: string): Promise<App> {
  await makeProject(join(place, 'project'))
  mkdirSync(join(place, 'state'))
  writeFileSync(join(place, 'token'), 'token\n')
  const config = {
    server: { operatorToken: 'file:token' },
    store: { path: 'state/signalbox.db' },
    limits: { activeRuns: width },
    agents: { instant: { kind: 'command', command: agent } },
    projects: [
      { id: 'bench', repo: './project', baseBranch: 'main', ci: { command: check }, review: { by: 'none' }, landing: { depth: width } },
    ],
  }
  return createApp(parseConfig(JSON.stringify(config), join(place, 'signalbox.config.json')))
}

/** Files a round of issues at once and waits until each has landed; answers how many a minute. */
async function throughApp(app: App, round: number): Promise<number> {
  const open = new Set<string>()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let isFiled = false
  const look = (key: string, phase: string): void => {
    if (phase === 'done') open.delete(key)
    else if (['escalated', 'failed', 'awaiting_input'].includes(phase) && open.has(key))
      reject(new Error(`${key} is ${phase}: ${JSON.stringify(app.explain(key))}`))
    if (isFiled && open.size === 0) resolve()
  }
  const end = app.live({}, (message) => {
    if (message.type === 'issue') look(message.document.key, message.document.phase)
  })
  const ms = await timed(async () => {
    for (let n = 0; n < issues; n++) {
      const { key } = await app.submit({ title: `Add file ${round}.${n}` })
      open.add(key)
    }
    isFiled = true
    for (const key of open) look(key, app.issue(key).phase)
    await promise
  })
  end()
  return (issues * 60_000) / ms
}

/**
 * The same work in shell, four at a time: a worktree from the base, the agent, what was done read back, a push to a bare repository,
 * the checks in a checkout of their own on the head, the merge and the checks on that, and one after the other its fetch and
 * fast-forward in the user's checkout.
 */
const script = `set -eu
cd "$PLACE"
one() {
  key=$1
  git -C clone.git fetch --quiet ../bare.git +main:refs/remotes/origin/main 2> /dev/null || git -C clone.git fetch --quiet ../bare.git +main:refs/remotes/origin/main
  git -C clone.git worktree add --quiet -b "work/$key" "$PLACE/trees/$key" refs/remotes/origin/main
  (cd "trees/$key" && export SIGNALBOX_ISSUE="$key" && /bin/sh -c "$AGENT")
  head=$(git -C "trees/$key" rev-parse HEAD)
  git -C "trees/$key" status --porcelain > /dev/null
  git -C "trees/$key" rev-list --count "refs/remotes/origin/main..$head" > /dev/null
  git -C "trees/$key" diff --name-only "refs/remotes/origin/main...$head" > /dev/null
  # Another's branch may go while this one is pushed, which git warns of.
  git -C clone.git push --quiet ../bare.git "$head:refs/heads/work/$key" 2> /dev/null
  verify "$key-head" "$head"
  (
    flock 9
    base=$(git -C project rev-parse main)
    tree=$(git -C bare.git merge-tree --write-tree "$base" "$head")
    merge=$(git -C bare.git commit-tree "$tree" -p "$base" -p "$head" -m "Merge $key")
    verify "$key-merge" "$merge"
    git -C project fetch --quiet --no-tags --no-write-fetch-head ../bare.git "$merge"
    git -C project merge --quiet --ff-only "$merge" > /dev/null
    git -C bare.git update-ref refs/heads/main "$merge"
    git -C bare.git update-ref -d "refs/heads/work/$key"
  ) 9> "$PLACE/lock"
  git -C clone.git worktree remove --force "$PLACE/trees/$key"
  git -C clone.git branch --quiet -D "work/$key"
}
verify() {
  mkdir -p "checks/$1"
  git init --quiet --template= "checks/$1"
  echo "$PLACE/bare.git/objects" > "checks/$1/.git/objects/info/alternates"
  git -C "checks/$1" checkout --quiet --detach "$2"
  (cd "checks/$1" && /bin/sh -c "$CHECK")
  rm -rf "checks/$1"
}
worker() { n=$1; while [ "$n" -lt "$ISSUES" ]; do one "R$ROUND-$n"; n=$((n + WIDTH)); done; }
pids=
w=0
while [ "$w" -lt "$WIDTH" ]; do worker "$w" & pids="$pids $!"; w=$((w + 1)); done
for pid in $pids; do wait "$pid"; done
`

async function throughShell(place: string, round: number): Promise<number> {
  const env = {
    ...process.env,
    ...identity,
    PLACE: place,
    AGENT: agent,
    CHECK: check,
    ISSUES: String(issues),
    WIDTH: String(width),
    ROUND: String(round),
  }
  const ms = await timed(async () => {
    const [code] = (await once(spawn('/bin/bash', ['-c', script], { env, stdio: ['ignore', 'ignore', 'inherit'] }), 'exit')) as [number]
    if (code !== 0) throw new Error(`The shell script ended with ${code}`)
  })
  const { stdout } = await git(['rev-list', '--count', '--merges', 'main'], { cwd: join(place, 'project') })
  if (Number(stdout) !== issues * (round + 1)) throw new Error(`The shell script landed ${stdout.trim()} changes in ${round + 1} rounds`)
  return (issues * 60_000) / ms
}

async function prepareShell(place: string): Promise<void> {
  await makeProject(join(place, 'project'))
  await git(['clone', '--quiet', '--bare', 'project', 'bare.git'], { cwd: place })
  await git(['clone', '--quiet', '--bare', 'bare.git', 'clone.git'], { cwd: place })
  await git(['config', 'uploadpack.allowAnySHA1InWant', 'true'], { cwd: join(place, 'bare.git') })
}

export async function measure(): Promise<Figure[]> {
  const home = join(folder(), 't12')
  const [place, shell] = [join(home, 'app'), join(home, 'shell')]
  for (const each of [place, shell]) mkdirSync(each, { recursive: true })
  await prepareShell(shell)
  const app = await openApp(place)
  const seen = { app: [] as number[], shell: [] as number[], share: [] as number[] }
  // The first round makes the clone and warms up.
  for (let round = 0; round <= rounds; round++) {
    const ours = await throughApp(app, round)
    const bare = await throughShell(shell, round)
    if (round === 0) continue
    seen.app.push(ours)
    seen.shell.push(bare)
    seen.share.push((ours / bare) * 100)
  }
  const { stdout } = await git(['rev-list', '--count', '--merges', 'main'], { cwd: join(place, 'project') })
  if (Number(stdout) !== issues * (rounds + 1)) throw new Error(`${stdout.trim()} merges are on the base`)
  await app.stop()
  return [
    figure('T12', 'whole issues a minute, four runs at once', '', seen.app, { limit: { least: 400 } }),
    figure('T12', 'the same, share of a bare shell script', '%', seen.share, { limit: { least: 50 } }),
    figure('T12', 'issues a minute of that script', '', seen.shell),
  ]
}

if (import.meta.main) tell(await measure())
