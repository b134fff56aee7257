// Many issues at once, of four kinds, the people who delegate, answer and review them, and what has to be there of each at the end.

import type { PullRequest } from '../twins/github.ts'
import type { BothWorld } from './both.ts'

/** A question first, red checks first, a reviewer who has points first, or none of these. */
export type Kind = 'simple' | 'question' | 'red' | 'points'

/** What becomes of an issue at an agent; again and again the same, for a run may be begun twice. */
const workOf: Record<Kind, string> = {
  simple: '',
  question: `if ! grep -q '^> blue$' "$SIGNALBOX_PROMPT_FILE"; then
  printf '%s' '{ "outcome": "needs_input", "summary": "stuck", "question": "Which colour?\\n- blue\\n- red" }' > "$SIGNALBOX_RESULT_FILE"
  exit 0
fi`,
  red: `if [ "$SIGNALBOX_RUN_TYPE" = implementation ]; then echo red > RED; else rm -f RED; fi`,
  points: `if [ "$SIGNALBOX_RUN_TYPE" = review_fix ]; then
  node -e '
    const { review } = JSON.parse(require("node:fs").readFileSync(process.env.SIGNALBOX_CONTEXT_FILE, "utf8"))
    const answers = review.comments.filter(({ id }) => id).map(({ id }) => ({ id, body: "It says so now." }))
    require("node:fs").writeFileSync(process.env.SIGNALBOX_RESULT_FILE, JSON.stringify({ outcome: "completed", summary: "Said it.", answers }))'
fi`,
}
const commit = `echo "$SIGNALBOX_RUN_TYPE" >> "$SIGNALBOX_ISSUE.txt"
git add --all
git commit --quiet --message "$SIGNALBOX_RUN_TYPE"`

interface Filed {
  id: string
  identifier: string
  kind: Kind
}

export function createCrowd({ world, acme, github, repository }: BothWorld) {
  const filed: Filed[] = []
  const alice = acme.as('alice')
  const rob = github.as('rob')
  const over = new Set<string>()
  const answered = new Set<string>()

  const issueOf = (pull: PullRequest): Filed | undefined => filed.find(({ identifier }) => pull.title === `Do ${identifier}`)
  const isGreen = (pull: PullRequest): boolean =>
    (repository.checks.get(pull.head.sha) ?? []).some(({ name, conclusion }) => name === 'test' && conclusion === 'success')

  function isOver({ id }: Filed): boolean {
    if (over.has(id)) return true
    const isDone = acme.stateOf(id).type === 'completed' && acme.sessions(id).every(({ status }) => status === 'complete')
    if (isDone) over.add(id)
    return isDone
  }

  async function review(pull: PullRequest): Promise<void> {
    const issue = issueOf(pull)
    if (issue === undefined || !isGreen(pull) || pull.reviews.some(({ sha, user }) => sha === pull.head.sha && user.login === 'rob')) return
    if (issue.kind !== 'points') return void (await rob.approve(pull))
    if (pull.threads.length === 0)
      await rob.requestChanges(pull, 'Nearly.', [{ path: `${issue.identifier}.txt`, line: 1, body: 'Say that it is very good.' }])
    else if (pull.threads.every(({ resolvedBy }) => resolvedBy !== undefined)) await rob.approve(pull)
  }

  /** What is wrong with one that is over, in words. */
  function wrongsOf({ id, identifier, kind }: Filed): string[] {
    const wrongs: string[] = []
    const hold = (what: string, is: unknown, expected: unknown): void => {
      if (JSON.stringify(is) !== JSON.stringify(expected))
        wrongs.push(`${identifier} (${kind}): ${what} is ${JSON.stringify(is)} and not ${JSON.stringify(expected)}`)
    }
    const sessions = acme.sessions(id)
    hold('state', acme.stateOf(id).type, 'completed')
    hold(
      'sessions',
      sessions.map(({ status }) => status),
      ['complete'],
    )
    const said = sessions
      .flatMap((session) => acme.activities(session))
      .filter(({ content, ephemeral }) => content.type !== 'prompt' && !ephemeral)
    const saidAs = (type: string): number => said.filter(({ content }) => content.type === type).length
    hold('responses', saidAs('response'), 1)
    hold('questions', saidAs('elicitation'), kind === 'question' ? 1 : 0)
    hold('errors', saidAs('error'), 0)
    hold(
      'plan',
      (sessions[0]?.plan as { status: string }[] | undefined)?.map(({ status }) => status),
      ['completed', 'completed', 'completed'],
    )
    hold('labels', acme.labelsOf(id), [])
    hold('attachments', acme.attachments(id).length, 1)
    hold(
      'own comments',
      acme
        .comments(id)
        .filter(({ parentId, userId }) => parentId === null && userId === acme.appUser.id)
        .map(({ body }) => body),
      [],
    )

    const pulls = [...repository.pulls.values()].filter(({ title }) => title === `Do ${identifier}`)
    hold(
      'pull requests',
      pulls.map(({ mergedAt }) => mergedAt !== undefined),
      [true],
    )
    for (const pull of pulls) {
      const bodies = pull.comments.map(({ body }) => body)
      hold('comments that are there twice', bodies.length - new Set(bodies).size, 0)
      hold(
        'threads',
        pull.threads.map(({ comments }) => comments.map(({ body }) => body.split('\n')[0])),
        kind === 'points' ? [['Say that it is very good.', 'It says so now.']] : [],
      )
      const shown = (repository.checks.get(pull.head.sha) ?? []).filter(({ name }) => name === 'Signalbox')
      hold(
        'own check',
        shown.map(({ status, conclusion }) => `${status} ${conclusion}`),
        ['completed success'],
      )
    }
    const branches = [...repository.refs.keys()].filter((ref) => ref.startsWith(`refs/heads/signalbox/${identifier}-`))
    hold('branches', branches.length <= 1, true)
    return wrongs
  }

  return {
    filed,
    /** Alice makes an issue and delegates it at once. */
    file(kind: Kind): Filed {
      const identifier = `ENG-${filed.length + 1}`
      world.setScript(identifier, `${workOf[kind]}\n${commit}`)
      const made = alice.createIssue({ title: `Do ${identifier}`, delegate: true })
      if (made.identifier !== identifier) throw new Error(`The issue is ${made.identifier} and not ${identifier}.`)
      const issue = { id: made.id, identifier, kind }
      filed.push(issue)
      return issue
    },
    /** What people do of their own accord; to be called again and again. */
    async act(): Promise<void> {
      for (const { id, kind } of filed) {
        if (kind !== 'question' || answered.has(id)) continue
        const session = acme.sessions(id).find(({ status }) => status === 'awaitingInput')
        if (session === undefined) continue
        answered.add(id)
        alice.prompt(session, 'blue')
      }
      for (const pull of repository.pulls.values()) if (pull.state === 'open') await review(pull)
    },
    isOver,
    unfinished: (): Filed[] => filed.filter((issue) => !isOver(issue)),
    /** Everything that is not as it has to be; each issue is to be over. */
    wrongs(): string[] {
      const landing = [...repository.refs.keys()].filter((ref) => ref.startsWith('refs/heads/signalbox/landing/'))
      const active = [...repository.checks.values()]
        .flat()
        .filter(({ name, status }) => name === 'Signalbox' && status !== 'completed').length
      return [
        ...filed.flatMap(wrongsOf),
        ...landing.map((ref) => `${ref} is left`),
        ...(active === 0 ? [] : [`${active} own checks are not completed`]),
      ]
    },
  }
}
