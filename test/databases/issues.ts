// A project at the same commit wherever it is made, and the journey of a few issues in it, which `make.ts` records and later versions carry on.

import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { git } from '../../src/actors/git.ts'
import type { App, IssueDocument, Submission } from '../../src/app.ts'
import { parseConfig, type Config } from '../../src/config.ts'

const at = '2026-01-01T00:00:00Z'
const person = { GIT_AUTHOR_NAME: 'U', GIT_AUTHOR_EMAIL: 'u@localhost', GIT_COMMITTER_NAME: 'U', GIT_COMMITTER_EMAIL: 'u@localhost' }

/** What each issue's agent does, by title and type of run. The endless ones are killed with the server, in the middle of their runs. */
const agent = `case "$(head -n 1 "$SIGNALBOX_PROMPT_FILE") $SIGNALBOX_RUN_TYPE" in
  *Fail*) exit 1 ;;
  *Have*) echo '{"outcome":"no_change","completion":"done","summary":"The children do it"}' > "$SIGNALBOX_RESULT_FILE"; exit 0 ;;
  *fixed*review_fix*) if [ ! -e "$GO" ]; then : > "$AT_FIX"; while [ ! -e "$GO" ]; do sleep 0.1; done; fi ;;
  *Ask*) grep -q blue "$SIGNALBOX_PROMPT_FILE" ||
    { echo '{"outcome":"needs_input","summary":"A colour is missing","question":"Which colour?"}' > "$SIGNALBOX_RESULT_FILE"; exit 0; } ;;
  *Wait*) if [ ! -e "$GO" ]; then : > "$AT_WORK"; while [ ! -e "$GO" ]; do sleep 0.1; done; fi ;;
esac
echo "$SIGNALBOX_ISSUE $SIGNALBOX_RUN_ID" > "$SIGNALBOX_ISSUE.txt"
git add -A && git commit --quiet -m "Do $SIGNALBOX_ISSUE"`

const titles = {
  working: 'Wait in its run',
  landed: 'Land at once',
  asking: 'Ask for a colour',
  reviewed: 'Be reviewed',
  blocked: 'Come after the run',
  held: 'Be held',
  // Since 0.2.0.
  fixing: 'Be fixed',
  failing: 'Fail always',
  parent: 'Have a child',
  child: 'Be a child',
  queued: 'Be tested for its landing',
}
export type Name = keyof typeof titles
/** The keys in the order of filing. */
export const keys = Object.fromEntries(Object.keys(titles).map((name, index) => [name, `APP-${index + 1}`])) as Record<Name, string>

/** Checks that wait while there is a file `hold`. */
const check = (folder: string): string => {
  const [hold, atCheck] = [join(folder, 'hold'), join(folder, 'at-check')]
  return `test -f README.md && if [ -e '${hold}' ]; then : > '${atCheck}'; while [ -e '${hold}' ]; do sleep 0.1; done; fi`
}

/** Makes the project and answers the configuration over it; the database is `data/signalbox.db` in `folder`. */
export async function makeProject(folder: string): Promise<Config> {
  const repo = join(folder, 'app')
  mkdirSync(repo)
  mkdirSync(join(folder, 'data'), { recursive: true })
  writeFileSync(join(folder, 'token'), 'a-token-of-the-tests-that-is-long-enough\n')
  writeFileSync(join(repo, 'README.md'), '# app\n')
  await git(['init', '--quiet', '--initial-branch=main'], { cwd: repo })
  await git(['add', '--all'], { cwd: repo })
  const env = { ...person, GIT_AUTHOR_DATE: at, GIT_COMMITTER_DATE: at }
  await git(['-c', 'commit.gpgSign=false', 'commit', '--quiet', '--message', 'The start'], { cwd: repo, env })
  return parseConfig(
    JSON.stringify({
      server: { operatorToken: 'file:token' },
      store: { path: 'data/signalbox.db' },
      agents: {
        mine: {
          kind: 'command',
          command: agent,
          env: { GO: join(folder, 'go'), AT_WORK: join(folder, 'at-work'), AT_FIX: join(folder, 'at-fix') },
        },
      },
      projects: [
        {
          ...{ id: 'app', repo: './app', agent: 'mine', ci: { command: check(folder) } },
          delays: { recovery: '200ms', settle: '100ms' },
        },
      ],
    }),
    join(folder, 'signalbox.config.json'),
  )
}

/** Resolves with the document of the issue once it is as wanted. */
export async function until(app: App, name: Name, wanted: (document: IssueDocument) => boolean): Promise<IssueDocument> {
  for (const end = Date.now() + 30_000; ; await wait(20)) {
    const document = app.issue(keys[name])
    if (wanted(document)) return document
    if (Date.now() > end) throw new Error(`${keys[name]} is not as wanted: ${JSON.stringify(document)}`)
  }
}

export const isReviewable = ({ pr, run }: IssueDocument): boolean => run === null && pr?.state === 'open' && pr.checks === 'passed'

/** One issue in each of several situations, the first of them in the middle of its run. */
export async function play(app: App, folder: string): Promise<void> {
  const file = (name: Name, more: Partial<Submission> = {}) => app.submit({ title: titles[name], ...more })
  // Before anything lands, so that its run began at the commit that every copy of the project has.
  await file('working')
  while (!existsSync(join(folder, 'at-work'))) await wait(20)
  await until(app, 'working', ({ run }) => run?.phase === 'working')
  await file('landed')
  await until(app, 'landed', isReviewable)
  await app.act(keys.landed, { action: 'approve' })
  await until(app, 'landed', ({ phase }) => phase === 'done')
  await file('asking')
  await until(app, 'asking', ({ question }) => question !== null)
  await file('reviewed')
  await until(app, 'reviewed', isReviewable)
  await file('blocked', { blockedBy: [keys.working] })
  await file('held', { hold: true })

  await file('fixing')
  await until(app, 'fixing', isReviewable)
  await app.act(keys.fixing, { action: 'request_changes', body: 'Say it in other words.' })
  while (!existsSync(join(folder, 'at-fix'))) await wait(20)
  await until(app, 'fixing', ({ run }) => run?.type === 'review_fix' && run.phase === 'working')
  await file('failing')
  await until(app, 'failing', ({ phase }) => phase === 'escalated')
  await file('parent', { hold: true })
  await file('child', { parent: keys.parent, hold: true })
  await app.act(keys.parent, { action: 'delegate' })
  await until(app, 'parent', ({ waitsFor }) => waitsFor.some(({ party }) => party === 'dependency'))
  await file('queued')
  await until(app, 'queued', isReviewable)
  writeFileSync(join(folder, 'hold'), '')
  await app.act(keys.queued, { action: 'approve' })
  while (!existsSync(join(folder, 'at-check'))) await wait(20)
  await until(app, 'queued', ({ phase }) => phase === 'awaiting_queue')
}

/** Refs that only a bundle has: it takes along nothing that no ref leads to, such as the commit that a landing tests. */
const kept = 'refs/kept'

/** The forge's own repository, as it is beside the database, in one file. */
export async function bundle(folder: string, target: string): Promise<void> {
  const copy = join(folder, 'copy.git')
  cpSync(join(folder, 'data/repos/app.git'), copy, { recursive: true })
  const { stdout } = await git(['fsck', '--unreachable', '--no-reflogs', '--no-progress'], { cwd: copy })
  for (const [, commit] of stdout.matchAll(/^unreachable commit (\w+)$/gm))
    await git(['update-ref', `${kept}/${commit}`, commit!], { cwd: copy })
  await git(['bundle', 'create', '--quiet', target, '--all'], { cwd: copy })
}

/** The forge's repository out of its bundle, and in the user's branch what was landed. */
export async function unbundle(bundled: string, folder: string): Promise<void> {
  const repositories = join(folder, 'data/repos')
  mkdirSync(repositories)
  await git(['clone', '--quiet', '--mirror', bundled, 'app.git'], { cwd: repositories })
  const cwd = join(repositories, 'app.git')
  const { stdout } = await git(['for-each-ref', '--format=delete %(refname)', kept], { cwd })
  await git(['update-ref', '--stdin'], { cwd, input: stdout })
  await git(['pull', '--quiet', '--ff-only', bundled, 'main'], { cwd: join(folder, 'app') })
}
