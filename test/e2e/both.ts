// A world with Linear and GitHub, both as twins, one server between them, and people who do what is asked of them.

import { join } from 'node:path'
import { createGithubTwin, type Ci, type GithubTwin, type PullRequest, type Repository } from '../twins/github.ts'
import { createLinearTwin, type LinearTwin, type WorkspaceTwin } from '../twins/linear.ts'
import { app, isTested } from './github.ts'
import { freePort } from '../../src/cli/demo/server.ts'
import { createWorld, type World } from './harness.ts'
import { linearSettings, letIn } from './linear.ts'

export interface BothWorld {
  world: World
  github: GithubTwin
  linear: LinearTwin
  acme: WorkspaceTwin
  repository: Repository
  /** Writes the configuration anew, for the next start. */
  configure: (more: object) => void
  close: () => Promise<void>
}

export interface BothOptions {
  webhooks?: boolean
  ci?: Ci
  /** Over the configuration, and over its project. */
  more?: object
  project?: object
  /** Its agent as the configuration has it, instead of a command line; made in the folder of the world. */
  agent?: object
  /** Calls that each service allows in an hour, where a test has the work of a day done in minutes. */
  hourly?: number
}

/** Rob reviews, alice delegates. A file that says `bad` is red. */
export async function both({ webhooks = true, ci, more = {}, project = {}, agent, hourly }: BothOptions = {}): Promise<BothWorld> {
  const port = await freePort()
  const address = `http://127.0.0.1:${port}`
  const world = createWorld({
    port,
    projects: [{ id: 'app', review: 'human', ...(agent && { agent }), more: { repo: 'acme/app', ...project } }],
  })
  const allowed = hourly === undefined ? {} : { rest: hourly, graphql: hourly }
  const github = await createGithubTwin({ folder: join(world.folder, 'github'), limits: allowed })
  const repository = await github.createRepository({
    name: 'acme/app',
    files: { 'README.md': '# app\n' },
    roles: { alice: 'write', rob: 'write', root: 'admin' },
  })
  const redWhenBad: Ci = (_sha, read) => [
    { name: 'test', delay: 50, conclusion: read('work.txt')?.includes('bad') ? 'failure' : 'success', log: 'expected good, found bad\n' },
  ]
  github.ci(repository, ci ?? redWhenBad, isTested)
  github.protect(repository, 'main', { requiredChecks: [{ context: 'test' }], requiredApprovals: 1, bypass: ['signalbox[bot]'] })
  const secret = 'the secret of the hook'
  const registered = github.createApp({
    ...app,
    ...(webhooks ? { webhook: { url: `${address}/webhooks/github`, secret } } : {}),
  })
  github.install(registered, 'acme')
  const linear = await createLinearTwin({
    teams: [{ key: 'ENG', name: 'Engineering' }],
    ...(hourly === undefined ? {} : { limits: { requests: hourly, complexity: hourly * 1_000 } }),
    app: { redirectUris: [`${address}/oauth/linear/callback`], webhookUrl: webhooks ? `${address}/webhooks/linear` : undefined },
  })
  const configure = (over: object): void =>
    world.writeConfig({
      tracker: linearSettings(linear),
      forge: { kind: 'github', apiUrl: github.restUrl, appId: registered.id, privateKey: registered.privateKey, webhookSecret: secret },
      webhooks,
      polling: { shortest: '300ms', longest: '1s', everyone: 1 },
      ...over,
    })
  configure(more)
  const close = async (): Promise<void> => {
    await linear.idle()
    await world.close()
    await linear.close()
    await github.close()
  }
  try {
    await world.start()
    await letIn(world, linear)
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
  return { world, github, linear, repository, acme: linear.workspace(), configure, close }
}

/** Asks for a colour, makes a mistake, mends it, and answers a reviewer point by point. */
export const wholeWork = `case "$SIGNALBOX_RUN_TYPE" in
implementation)
  if ! grep -q '^> blue$' "$SIGNALBOX_PROMPT_FILE"; then
    printf '%s' '{ "outcome": "needs_input", "summary": "stuck", "question": "Which colour?\\n- blue\\n- red" }' > "$SIGNALBOX_RESULT_FILE"
    exit 0
  fi
  echo 'bad blue' > work.txt ;;
ci_repair) echo 'good blue' > work.txt ;;
review_fix)
  echo 'very good blue' > work.txt
  node -e '
    const { review } = JSON.parse(require("node:fs").readFileSync(process.env.SIGNALBOX_CONTEXT_FILE, "utf8"))
    const answers = review.comments.filter(({ id }) => id).map(({ id }) => ({ id, body: "It says so now." }))
    require("node:fs").writeFileSync(process.env.SIGNALBOX_RESULT_FILE, JSON.stringify({ outcome: "completed", summary: "Said it.", answers }))' ;;
esac
git add --all
git commit --quiet --message "$SIGNALBOX_RUN_TYPE"`

/** What people do of their own accord, looking at nothing but Linear and GitHub; to be called again and again. */
export function people({ acme, github, repository }: BothWorld, issue: { id: string }): () => Promise<void> {
  const alice = acme.as('alice')
  const rob = github.as('rob')
  const isGreen = (pull: PullRequest): boolean =>
    (repository.checks.get(pull.head.sha) ?? []).some(({ name, conclusion }) => name === 'test' && conclusion === 'success')
  return async () => {
    const [session] = acme.sessions(issue)
    const said = session === undefined ? [] : acme.activities(session)
    if (session?.status === 'awaitingInput' && !said.some(({ content }) => content.type === 'prompt')) alice.prompt(session, 'blue')
    for (const pull of repository.pulls.values()) {
      if (pull.state !== 'open' || !isGreen(pull) || pull.reviews.some(({ sha, user }) => sha === pull.head.sha && user.login === 'rob'))
        continue
      // Not before each of his points has its answer.
      if (pull.threads.length > 0) {
        if (pull.threads.every(({ resolvedBy }) => resolvedBy !== undefined)) await rob.approve(pull)
      } else await rob.requestChanges(pull, 'Nearly.', [{ path: 'work.txt', line: 1, body: 'Say that it is very good.' }])
    }
  }
}
