// One issue: what it waits for, what a person can do, its change, its chart, and what happened.

import { acceptedActions } from './actions.js'
import { drawFeed } from './board.js'
import { createChart } from './chart.js'
import { openDialog } from './dialog.js'
import { element, link } from './element.js'
import { drawFacts } from './facts.js'
import { valueOfPhase } from './layout.js'
import { labelOf, needsPerson, phasesOf } from './lifecycle.js'
import { drawTimeline } from './timeline.js'
import { drawMoves, drawWaits } from './waiting.js'

export function createIssue({ act, tryAgain }) {
  const head = element('header.issue-head')
  const question = element('section.question', { hidden: true, 'aria-label': 'Question' })
  const waits = element('section.waits-for', { 'aria-label': 'Waiting for' })
  const buttons = element('.actions', { role: 'group', 'aria-label': 'Actions' })
  const refusal = element('p.message', { role: 'alert' })
  const facts = element('aside.facts', { 'aria-label': 'Facts' })
  const chart = element('section', { 'aria-label': 'Chart' }, element('h2', {}, 'Where it is'))
  const runChart = element('section', { 'aria-label': 'Chart of the run', hidden: true }, element('h2', {}, 'The run'))
  const moves = element('details.moves', { 'aria-label': 'What would move it' })
  const timeline = element('ol.timeline')
  const feed = element('ol.feed')
  const body = element(
    '.issue-body',
    { hidden: true },
    head,
    question,
    element(
      '.columns',
      {},
      element(
        '.story',
        {},
        waits,
        buttons,
        refusal,
        chart,
        runChart,
        moves,
        element('section', {}, element('h2', {}, 'Timeline'), timeline),
      ),
      element('.side', {}, facts, element('section', {}, element('h2', {}, 'Activity'), feed)),
    ),
  )
  const notice = element('.notice', { role: 'status' }, 'Reading the issue …')
  const root = element('article.issue', {}, element('a.back', { href: '#/' }, '← All issues'), notice, body)

  /** Draws a part again only when what it shows has changed: typed text and focus stay. */
  const drawn = new Map()
  function part(name, input, draw) {
    const identity = JSON.stringify(input)
    if (drawn.get(name) === identity) return
    drawn.set(name, identity)
    draw()
  }

  const charts = new Map()
  function showChart(section, machine, value) {
    if (machine === undefined) return
    let shown = charts.get(machine.id)
    if (shown?.machine !== machine) {
      shown?.chart.root.remove()
      shown = { machine, chart: createChart(machine) }
      charts.set(machine.id, shown)
      section.append(shown.chart.root)
    }
    shown.chart.setActive(value)
  }

  async function perform(issue, action) {
    const answer = await act(keyOf(issue), action)
    refusal.textContent = answer === null ? '' : answer.message
    return answer
  }

  function drawQuestion(issue) {
    question.hidden = issue.question === null
    if (issue.question === null) return question.replaceChildren()
    const field = element('textarea', { id: 'answer', rows: 3, required: true })
    const problem = element('p.message', { role: 'alert' })
    const send = element('button.primary', { type: 'submit' }, 'Answer')
    const form = element(
      'form',
      {
        onsubmit: async (event) => {
          event.preventDefault()
          send.disabled = true
          const answer = await act(keyOf(issue), { action: 'prompt', text: field.value })
          send.disabled = false
          problem.textContent = answer === null ? 'Sent.' : answer.message
        },
      },
      element('label', { htmlFor: 'answer' }, 'Your answer'),
      field,
      element('.line', {}, send, problem),
    )
    question.replaceChildren(element('h2', {}, 'The agent asks'), element('p.asked', {}, issue.question), form)
  }

  function drawActions(issue, explanation) {
    buttons.replaceChildren(
      ...acceptedActions(issue, explanation).map((action) =>
        element(
          `button${action.isGrave ? '.grave' : ''}`,
          {
            type: 'button',
            onclick: () =>
              action.field || action.choice
                ? openDialog(action, (wanted) => perform(issue, wanted))
                : perform(issue, { action: action.action }),
          },
          action.label,
        ),
      ),
    )
  }

  return {
    root,
    update(context) {
      const { issue: open } = context
      if (open?.refusal) return drawRefusal(notice, body, open.refusal)
      const issue = open === null ? undefined : context.documents.get(open.id)
      if (issue === undefined) return
      notice.hidden = true
      body.hidden = false
      const machine = context.machines.issue
      part(
        'head',
        [issue.key, issue.title, issue.url, issue.phase, issue.authority, issue.faulted, issue.project, needsPerson(issue)],
        () => drawHead(head, issue, machine),
      )
      part('question', [issue.question], () => drawQuestion(issue))
      part('waits', [issue.waitsFor, issue.faulted], () => drawWaits(waits, issue, tryAgain))
      part('actions', [acceptedActions(issue, open.explanation).map((one) => one.action), issue.key, issue.project], () =>
        drawActions(issue, open.explanation),
      )
      part(
        'facts',
        [issue.pr, issue.run, issue.budgets, issue.attempts, issue.blockedBy, issue.branch, issue.worktree, issue.delegated, issue.version],
        () => drawFacts(facts, issue),
      )
      part('chart', [machine?.version, issue.value], () => showChart(chart, machine, issue.value))
      runChart.hidden = issue.run === null || context.machines.run === undefined
      part(
        'run',
        [context.machines.run?.version, issue.run?.phase],
        () =>
          issue.run !== null &&
          context.machines.run !== undefined &&
          showChart(runChart, context.machines.run, valueOfPhase(context.machines.run.root, issue.run.phase)),
      )
      part('moves', open.explanation, () => drawMoves(moves, open.explanation))
      part('timeline', [open.timeline.length, open.timeline.at(-1)?.seq], () => drawTimeline(timeline, open.timeline))
      part('feed', [context.feed.length, context.feed.at(-1)?.seq], () => drawFeed(feed, context, issue.key))
    },
  }
}

/** An issue as the API names it, unambiguously. */
function keyOf(issue) {
  return `${issue.project}/${issue.key}`
}

function drawRefusal(notice, body, refusal) {
  notice.hidden = false
  body.hidden = true
  const keys = refusal.details?.keys ?? []
  notice.replaceChildren(
    element('p.message', {}, refusal.message),
    keys.length === 0
      ? ''
      : element('ul', {}, ...keys.map((key) => element('li', {}, element('a', { href: `#/issues/${encodeURIComponent(key)}` }, key)))),
  )
}

function drawHead(head, issue, machine) {
  const phase = phasesOf(machine).find((one) => one.key === issue.phase)
  head.replaceChildren(
    element('p.key', {}, link(issue.url, issue.key), ` · ${issue.project}`),
    element('h1', {}, issue.title),
    element(
      'p.phase',
      { 'data-tags': phase?.tags.join(' ') ?? '', className: `phase${needsPerson(issue) ? ' needs-person' : ''}` },
      element('span.dot'),
      element('b', {}, phase?.label ?? labelOf(issue.phase)),
      issue.authority === 'acting' ? '' : element('span.authority', {}, labelOf(issue.authority)),
      element('span.description', {}, phase?.description ?? ''),
    ),
  )
}
