// What an agent is told: one Markdown text per turn, from facts only, so that the same facts give the same text.

import { minutes } from '../../machines/run/words.ts'
import { roomFor } from './budget.ts'
import { list, oneLine, paragraphs, section } from './markdown.ts'
import type { PromptFacts } from './prompt/facts.ts'
import { contradiction, underReview, review, failures, queueIncident } from './prompt/findings.ts'
import { wholeIn, one, paths, short } from './prompt/fitting.ts'
import { recovered, replaced, pullRequestNow, earlier } from './prompt/history.ts'
import { instructions } from './prompt/instructions.ts'
import { around, children, issue, messages } from './prompt/issue.ts'
import { task, success, rules, publication } from './prompt/task.ts'

export type { PromptFacts }

/** The prompt of one turn. Pure. */
export function composePrompt(facts: PromptFacts): string {
  const { umbrella, replaces, turnKind, runType, completion, uncommitted, parent, change, checks, incident, workflow, extra } = facts
  const whole = wholeIn(facts.contextFile)
  const sections = [
    `# ${oneLine(facts.key)}: ${oneLine(facts.title, 300)}`,
    task(facts),
    facts.recovery === null ? null : section('The turn before this one', recovered(facts.recovery, facts.soFar, facts.base)),
    facts.description.trim() === '' ? null : section('Issue', issue(facts.description, whole)),
    ...around(facts, whole),
    facts.question === null ? null : section('Your question', one('question', { text: facts.question }, whole('question'))),
    facts.messages.length === 0
      ? null
      : section(facts.question === null ? 'Messages from people' : 'The answer', messages(facts.messages, whole)),
    umbrella === null ? null : section('Its children', children(umbrella.children)),
    replaces === null ? null : section('What this follows', replaced(replaces)),
    facts.pullRequest === null
      ? null
      : section(`Pull request #${facts.pullRequest.number} now`, pullRequestNow(facts.pullRequest, facts.base)),
    turnKind === 'work' && completion?.verdict === 'continue'
      ? section('What you said is left', one('completion', { text: completion.reason }, null))
      : null,
    turnKind !== 'commit' || uncommitted === null
      ? null
      : section('Uncommitted changes', paths(roomFor('uncommitted'), uncommitted, whole('uncommitted'))),
    parent === null ? null : section(`Pull request #${parent.number}`, contradiction(parent, whole)),
    change === null ? null : section('What is under review', underReview(change, whole)),
    facts.review === null ? null : section(`Review, round ${facts.round}`, review(facts.review, whole)),
    checks === null
      ? null
      : section(`Failing checks on ${short(checks.headSha)}`, failures(roomFor('checks'), checks.failures, whole('checks.failures'))),
    incident === null ? null : section('Why the landing queue gave it back', queueIncident(incident, whole)),
    earlier(facts, whole),
    section('What counts as success', list(success(facts))),
    section('Rules', rules(facts)),
    turnKind === 'work' && runType !== 'review' ? section('How it is published', list(publication(facts))) : null,
    workflow === null
      ? null
      : section(
          `This project's instructions (${oneLine(workflow.name)})`,
          one(
            'workflow',
            { text: workflow.text.trim(), as: 'plain' },
            `\`git show origin/${facts.instructions.base}:${oneLine(workflow.name)}\``,
          ),
        ),
    extra === null ? null : section('Also', one('extra', { text: extra.trim(), as: 'plain' }, null)),
    instructions(facts.instructions),
    facts.answerForm === null ? null : section('Your answer', answer(facts.answerForm)),
  ]
  return `${paragraphs(...sections)}\n`
}

/** What is put into a turn that runs and gives no sign of progress for `quiet` ms. Pure. */
export function composeNudge(quiet: number): string {
  return [
    `Nothing new has been seen of this turn for ${minutes(quiet)}: no output, no changed file, no commit.`,
    'If a command hangs or waits for input, end it and go on without it. If you are in the middle of something long, say in one line what it is. If you need an answer from a person, stop and ask.',
    'Without a sign of progress the turn is ended.',
  ].join('\n')
}

const answer = (form: object): string =>
  paragraphs(
    'When you are done, end your last message with your answer: one fenced block of JSON, with nothing after it. It has all the keys of this JSON Schema, and no others:',
    `\`\`\`json\n${JSON.stringify(form, null, 2)}\n\`\`\``,
  )
