// An agent reviews what another has written: on real git, with real processes, from the issue to what lands or does not.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { git } from '../../src/actors/git.ts'
import type { IssueDocument, TimelineEntry } from '../../src/app.ts'
import { createWorld, plainWork, until, type World } from './harness.ts'

let world: World

beforeAll(async () => {
  world = createWorld({
    projects: [
      { id: 'app', review: 'agent' },
      { id: 'poor', review: 'agent', budgets: { review: 2 } },
      { id: 'kept', review: 'agent', more: { landing: { method: 'manual' } } },
    ],
    limits: { activeRuns: 3 },
  })
  await world.start()
})

afterAll(async () => {
  await world.close()
})

/** What the agent does, by the type of its run. */
const script = (review: string, work = plainWork): string =>
  `if [ "$SIGNALBOX_RUN_TYPE" = review ]; then
${review}
else
${work}
fi`
const answers = (result: object): string => `cat > "$SIGNALBOX_RESULT_FILE" <<'END'\n${JSON.stringify(result)}\nEND`
const approval = answers({ outcome: 'completed', summary: 'Fine.', verdict: 'approve', findings: [] })

const reasonOf = ({ waitsFor }: IssueDocument): string => waitsFor.map(({ reason }) => reason).join('\n')
const timeline = async (key: string): Promise<TimelineEntry[]> => (await world.ask(`/api/issues/${key}/timeline?limit=500`)).body.entries
const reviewsOf = async (key: string) =>
  (await timeline(key)).map(({ event }) => event).filter(({ type }) => type === 'review.approved' || type === 'review.changesRequested')
const note = (name: string): string => (existsSync(join(world.folder, name)) ? readFileSync(join(world.folder, name), 'utf8') : '')
const repository = (project = 'app'): string => join(world.data, 'repos', `${project}.git`)

describe.concurrent('a change that an agent reviews', () => {
  it('lands once it is approved, with a checkout of its very head that is apart from the worktree', async () => {
    const key = await world.submit(
      script(`pwd > "$WORLD/place"
git rev-parse HEAD > "$WORLD/head"
cat "$SIGNALBOX_PROMPT_FILE" > "$WORLD/prompt"
cat "$SIGNALBOX_CONTEXT_FILE" > "$WORLD/context"
find . -path ./.git -prune -o -type f -perm /222 -print > "$WORLD/writable"
${approval}`),
    )
    const ended = await world.untilIssue(key, 'done')
    expect(ended.attempts).toMatchObject({ implementation: 1, review: 1, review_fix: 0 })
    expect(note('place').trim()).toBe(join(world.data, 'reviews', 'app', key))
    expect(note('head').trim()).toBe(ended.pr!.headSha)
    expect(note('writable')).toBe('')
    expect(note('prompt')).toMatch(new RegExp(`git diff [0-9a-f]{40}\\.\\.${ended.pr!.headSha}`))
    expect(note('prompt')).toContain(`- \`${key}.txt\``)
    expect(JSON.parse(note('context'))).toMatchObject({ change: { to: ended.pr!.headSha, files: [`${key}.txt`] } })
    expect(await reviewsOf(key)).toMatchObject([{ type: 'review.approved', headSha: ended.pr!.headSha, reviewer: 'app', body: 'Fine.' }])
    await until(() => !existsSync(note('place').trim()), { what: 'the checkout to be gone' })
  })

  it('goes back with the findings that block it, those of no line of the change as remarks, and lands when they are answered', async () => {
    const findings = [
      { path: 'KEY.txt', line: 1, body: 'Say more.', blocking: true },
      { path: './KEY.txt', line: 99, body: 'No such line.' },
      { path: '../../etc/passwd', line: 1, body: 'Outside.', blocking: true },
      { path: 'notes.txt', line: 1, body: 'Not changed here.', blocking: false },
    ]
    const first = answers({ outcome: 'completed', summary: 'Not yet.', verdict: 'approve', findings })
    const key = await world.submit(
      script(
        `if [ -s README.fixed ]; then ${approval.replace('\nEND', '\nEND\n')}
else
${first}
sed -i "s/KEY.txt/$SIGNALBOX_ISSUE.txt/g" "$SIGNALBOX_RESULT_FILE"
fi`,
        `if [ "$SIGNALBOX_RUN_TYPE" = review_fix ]; then
cp "$SIGNALBOX_PROMPT_FILE" "$WORLD/fix"
echo fixed > README.fixed; git add -A; git commit --quiet -m fixed
else
${plainWork}
fi`,
      ),
    )
    const ended = await world.untilIssue(key, 'done')
    expect(ended.attempts).toMatchObject({ review: 2, review_fix: 1 })
    const [objection, consent] = await reviewsOf(key)
    expect(objection).toMatchObject({
      type: 'review.changesRequested',
      comments: [{ path: `${key}.txt`, line: 1, body: 'Say more.', blocking: true }],
    })
    expect(consent).toMatchObject({ type: 'review.approved', headSha: ended.pr!.headSha })
    for (const words of ['No such line.', '(blocking) ../../etc/passwd:1: Outside.', 'notes.txt:1: Not changed here.', 'Not yet.'])
      expect(objection!['body']).toContain(words)
    expect(note('fix')).toContain(`\`${key}.txt:1\` (has to change):\n\n  > Say more.`)
    expect(note('fix')).toContain('Outside.')
  })

  it('is approved by no reviewer that has changed it: what it committed is discarded, and it is asked again', async () => {
    const key = await world.submit(
      script(`if [ -e "$WORLD/tampered-$SIGNALBOX_ISSUE" ]; then
cat "$SIGNALBOX_PROMPT_FILE" > "$WORLD/again"
${approval}
else
: > "$WORLD/tampered-$SIGNALBOX_ISSUE"
chmod -R u+w .
echo better > "$SIGNALBOX_ISSUE.txt"
git -c user.name=r -c user.email=r@localhost commit --quiet --all -m 'A reviewer commits'
git push --quiet origin HEAD:refs/heads/$SIGNALBOX_BRANCH || true
${approval}
fi`),
    )
    const ended = await world.untilIssue(key, 'done')
    expect(ended.attempts['review']).toBe(2)
    expect(note('again')).toContain('The reviewer changed what it was to review')
    expect(await reviewsOf(key)).toHaveLength(1)
    const { stdout } = await git(['log', '--all', '--format=%s'], { cwd: repository() })
    expect(stdout).not.toContain('A reviewer commits')
    expect(await world.asUser(['show', `main:${key}.txt`])).toBe(key)
  })
})

describe.concurrent('a reviewer without a verdict', () => {
  it.each([
    ['says nothing', 'exit 0', 'ended without a verdict'],
    ['writes what is no JSON', 'echo "LGTM" > "$SIGNALBOX_RESULT_FILE"', 'is not JSON'],
    [
      'misspells a key',
      answers({ outcome: 'completed', summary: 's', verdict: 'approve', findings: [{ path: 'a', boddy: 'b', body: 'c' }] }),
      "did you mean 'body'",
    ],
    ['fails', 'echo "no such model" >&2; exit 1', 'no such model'],
  ])('that %s is tried as often as its own budget says, then a person is asked, and nothing is approved', async (_, review, why) => {
    const key = await world.submit(script(review), { project: 'poor' })
    const ended = await world.untilIssue(key, 'escalated')
    expect(reasonOf(ended)).toContain(why)
    expect(ended).toMatchObject({ attempts: { review: 2, implementation: 1 }, pr: { state: 'open', review: 'none' } })
    expect(await reviewsOf(key)).toEqual([])
  })
})

describe.concurrent('a head that moves', () => {
  it('while it is reviewed makes the verdict of the old one worthless', async () => {
    const key = await world.submit(
      script(`if [ -e "$WORLD/moved-$SIGNALBOX_ISSUE" ]; then
${approval}
else
: > "$WORLD/moved-$SIGNALBOX_ISSUE"
sleep 1000
fi`),
    )
    await until(() => existsSync(join(world.folder, `moved-${key}`)), { what: 'the first review to run' })
    const { headSha } = (await world.issue(key)).pr!
    await world.asUser(['fetch', '--quiet', repository(), headSha])
    await world.asUser(['branch', `other-${key}`, 'FETCH_HEAD'])
    await world.asUser(['worktree', 'add', '--quiet', join(world.folder, `wt-${key}`), `other-${key}`])
    await git(['-c', 'user.name=U', '-c', 'user.email=u@localhost', 'commit', '--quiet', '--allow-empty', '-m', 'Theirs'], {
      cwd: join(world.folder, `wt-${key}`),
    })
    await world.asUser(['worktree', 'remove', join(world.folder, `wt-${key}`)])
    expect((await world.act(key, { action: 'push', branch: `other-${key}`, author: 'ada' })).status).toBeLessThan(300)
    const ended = await world.untilIssue(key, 'done')
    expect(ended.pr!.headSha).not.toBe(headSha)
    expect(await reviewsOf(key)).toMatchObject([{ type: 'review.approved', headSha: ended.pr!.headSha }])
  })

  it('and has the very same change keeps its verdict: no other run reviews it', async () => {
    const key = await world.submit(script(`echo x >> "$WORLD/count-$SIGNALBOX_ISSUE"\n${approval}`), { project: 'kept' })
    const approved = await world.untilIssue(key, 'awaiting_queue')
    const place = join(world.folder, `wt-${key}`)
    await world.asUser(['fetch', '--quiet', repository('kept'), approved.pr!.headSha], 'kept')
    await world.asUser(['worktree', 'add', '--quiet', '-b', `other-${key}`, place, 'FETCH_HEAD'], 'kept')
    await git(['-c', 'user.name=U', '-c', 'user.email=u@localhost', 'commit', '--quiet', '--amend', '-m', 'Other words'], { cwd: place })
    await world.asUser(['worktree', 'remove', place], 'kept')
    expect((await world.act(key, { action: 'push', branch: `other-${key}`, author: 'ada' })).status).toBeLessThan(300)
    const moved = await world.untilIssue(key, ({ pr, phase }) => pr?.headSha !== approved.pr!.headSha && phase === 'awaiting_queue')
    expect(moved.pr).toMatchObject({ review: 'approved' })
    expect(note(`count-${key}`)).toBe('x\n')
  })
})
