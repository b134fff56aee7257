// One service that refuses for long keeps nothing from being told at the other.

import { expect, test } from 'vitest'
import { both } from './both.ts'
import { until } from './harness.ts'

const asksInItsFix = `if [ "$SIGNALBOX_RUN_TYPE" = review_fix ]; then
  printf '%s' '{ "outcome": "needs_input", "summary": "stuck", "question": "Which colour?" }' > "$SIGNALBOX_RESULT_FILE"
  exit 0
fi
echo work > work.txt
git add --all
git commit --quiet --message work`

test('a question stands on the pull request while Linear takes no word of ours, and there as well when it does again', async () => {
  const setting = await both({ ci: () => [{ name: 'test' }] })
  const { world, github, linear, acme, repository } = setting
  try {
    world.setScript('ENG-1', asksInItsFix)
    const issue = acme.as('alice').createIssue({ title: 'Paint it', delegate: true })
    await world.untilIssue('ENG-1', 'pr_open')
    let isClosed = true
    linear.faults.add({ status: 403, times: Infinity, match: ({ fields }) => isClosed && fields.includes('agentActivityCreate') })
    const [pull] = [...repository.pulls.values()]
    await github.as('rob').requestChanges(pull!, 'Nearly.', [{ path: 'work.txt', line: 1, body: 'Say that it is very good.' }])
    await world.untilIssue('ENG-1', 'awaiting_input')
    const shown = () => (repository.checks.get(pull!.head.sha) ?? []).filter(({ name }) => name === 'Signalbox').at(-1)
    const said = () => acme.sessions(issue).flatMap((session) => acme.activities(session).map(({ content }) => content.body))
    await until(() => shown()?.conclusion === 'action_required', {
      what: 'the question to stand on the pull request',
      saw: () => `${JSON.stringify(shown())}\n${world.log()}`,
    })
    expect(shown()).toMatchObject({ title: 'A question is open', summary: 'Which colour?' })
    expect(said()).not.toContain('Which colour?')
    isClosed = false
    await until(() => said().includes('Which colour?'), { what: 'the question to be asked at Linear', saw: world.log, patience: 60_000 })
  } finally {
    await setting.close()
  }
})
