// T12: whole issues a minute through the embedded loop with an instant agent, four runs at once, against a bare shell script that
// runs the same git, agent and check commands, in turns.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { git } from '../src/actors/git.ts'
import type { App } from '../src/app.ts'
import { fillWithIssues, identity, makeProject, openApp } from './app.ts'
import { folder } from './databases.ts'
import { figure, rounds, tell, timed, type Figure } from './measure.ts'

const check = 'true'
/** Issues in one round, and how many are worked on at once. */
const issues = Number(process.env['SIGNALBOX_BENCH_ISSUES'] ?? 40)
const width = 4
/** Each issue of a round changes another file, and those of the next round the same files: the tree does not grow from round to round. */
const agent = `f=$((\${SIGNALBOX_ISSUE##*-} % ${issues})).txt && printf "%s\\n" "$SIGNALBOX_ISSUE" > "$f" && git add --all && git commit --quiet --message "$SIGNALBOX_ISSUE"`

/** Issues in the database of the second application. */
const others = 10_000

const open = (place: string): Promise<App> =>
  openApp(place, {
    limits: { activeRuns: width },
    agents: { instant: { kind: 'command', command: agent } },
    projects: [
      { id: 'bench', repo: './project', baseBranch: 'main', ci: { command: check }, review: { by: 'none' }, landing: { depth: width } },
    ],
  })

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
  # It fails now and then while another's worktree is being made, which git reads half written.
  tries=0
  until git -C clone.git fetch --quiet ../bare.git +main:refs/remotes/origin/main 2> "$PLACE/$key.err"; do
    tries=$((tries + 1))
    if [ "$tries" -gt 10 ]; then cat "$PLACE/$key.err" >&2; exit 1; fi
  done
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

/** Waits until this process rests: every open issue is told of the start of the application, which takes some seconds with 9,000. */
async function calm(): Promise<void> {
  for (let busy = Infinity; busy > 100_000;) {
    const before = process.cpuUsage()
    await pause(1_000)
    const { user, system } = process.cpuUsage(before)
    busy = user + system
  }
}

async function prepareShell(place: string): Promise<void> {
  await makeProject(join(place, 'project'))
  await git(['clone', '--quiet', '--bare', 'project', 'bare.git'], { cwd: place })
  await git(['clone', '--quiet', '--bare', 'bare.git', 'clone.git'], { cwd: place })
  await git(['config', 'uploadpack.allowAnySHA1InWant', 'true'], { cwd: join(place, 'bare.git') })
}

export async function measure(): Promise<Figure[]> {
  const home = join(folder(), 't12')
  const [place, full, shell] = [join(home, 'app'), join(home, 'full'), join(home, 'shell')]
  for (const each of [place, full, shell]) mkdirSync(each, { recursive: true })
  await prepareShell(shell)
  const crowded = await open(full)
  await fillWithIssues(crowded, others)
  await crowded.stop()
  // Each has the machine for itself: what waits in the database of another is looked after meanwhile, too.
  const round = async (at: string, n: number): Promise<number> => {
    const app = await open(at)
    await calm()
    const rate = await throughApp(app, n)
    await app.stop()
    return rate
  }
  const seen = { app: [] as number[], shell: [] as number[], share: [] as number[], growth: [] as number[] }
  // The first round makes the clone and warms up.
  for (let n = 0; n <= rounds; n++) {
    const ours = await round(place, n)
    const bare = await throughShell(shell, n)
    const amongMany = await round(full, n)
    if (n === 0) continue
    seen.app.push(ours)
    seen.shell.push(bare)
    seen.share.push((ours / bare) * 100)
    seen.growth.push(ours / amongMany)
  }
  for (const each of [place, full]) {
    const { stdout } = await git(['rev-list', '--count', '--merges', 'main'], { cwd: join(each, 'project') })
    if (Number(stdout) !== issues * (rounds + 1)) throw new Error(`${stdout.trim()} merges are on the base of ${each}`)
  }
  return [
    figure('T12', 'whole issues a minute, four runs at once', '', seen.app, { limit: { least: 400 } }),
    figure('T12', 'the same, share of a bare shell script', '%', seen.share, { limit: { least: 50 } }),
    figure('T12', 'issues a minute of that script', '', seen.shell),
    // Flat: no more than the noise of two runs of the same.
    figure('T12', 'an issue takes longer by, 10,000 others in the database', 'x', seen.growth, { limit: { most: 1.1 } }),
  ]
}

if (import.meta.main) tell(await measure())
