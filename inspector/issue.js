// One issue: what it waits for, what a person can do, its change, its chart, and what happened.

import { acceptedActions } from './actions.js'
import { drawFeed } from './board.js'
import { createChart } from './chart.js'
import { element, link, showChildren, time } from './element.js'
import { labelOf, needsPerson, phasesOf } from './lifecycle.js'
import { openDialog } from './dialog.js'

export function createIssue({ act }) {
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
    refusal.textContent = answer === null ? '' : sentenceOf(answer)
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
          problem.textContent = answer === null ? 'Sent.' : sentenceOf(answer)
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
                ? openDialog(action, (wanted) => perform(issue, wanted), sentenceOf)
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
      part('waits', [issue.waitsFor, issue.faulted], () => drawWaits(waits, issue))
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
        () => issue.run !== null && showChart(runChart, context.machines.run, issue.run.phase),
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

function sentenceOf({ message, details }) {
  const accepted = details?.accepted
  return accepted?.length > 0 ? `${message} Accepted now: ${accepted.join(', ')}.` : message
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

function drawWaits(section, issue) {
  const fault =
    issue.faulted &&
    element('p.fault', {}, element('b', {}, 'Faulted. '), `${issue.faulted.message} (${issue.faulted.code}, ${issue.faulted.address})`)
  section.replaceChildren(
    fault ?? '',
    issue.waitsFor.length === 0
      ? element('p.empty', {}, 'It waits for nobody.')
      : element(
          'ul',
          {},
          ...issue.waitsFor.map(({ party, reason, since, until }) =>
            element(
              'li',
              { 'data-party': party },
              element('b', {}, labelOf(party)),
              ` ${reason} `,
              element('span.since', {}, time(since, 'since '), until === null ? '' : time(until, ', until ')),
            ),
          ),
        ),
  )
}

function drawFacts(section, issue) {
  const { pr, run } = issue
  section.replaceChildren(
    fact(
      'Pull request',
      pr && [
        link(pr.url, `#${pr.number}`),
        ` ${pr.state}${pr.draft ? ', draft' : ''}`,
        lines(
          `review: ${words(pr.review)}`,
          `checks: ${words(pr.checks)}`,
          `merge: ${words(pr.mergeable)}`,
          element('code', { title: pr.headSha }, pr.headSha.slice(0, 12)),
        ),
      ],
    ),
    fact(
      'Run',
      run && [
        `${labelOf(run.type)} by ${run.agent}`,
        lines(`${words(run.phase)}, `, time(run.startedAt, 'started ')),
        run.lastProgressAt && lines(time(run.lastProgressAt, 'last progress ')),
        lines(usage(run.usage)),
      ],
    ),
    fact(
      'Budgets',
      Object.entries(issue.budgets).map(([name, budget]) => meter(name, budget)),
    ),
    fact(
      'Attempts',
      Object.keys(issue.attempts).length > 0 && lines(...Object.entries(issue.attempts).map(([type, count]) => `${words(type)}: ${count}`)),
    ),
    fact(
      'Blocked by',
      issue.blockedBy.length > 0 &&
        lines(
          ...issue.blockedBy.map(({ key, resolved }) =>
            element('a', { href: `#/issues/${encodeURIComponent(key)}` }, `${key}${resolved ? ' (resolved)' : ''}`),
          ),
        ),
    ),
    fact('Branch', issue.branch && element('code', {}, issue.branch)),
    fact('Worktree', issue.worktree && element('code', {}, issue.worktree)),
    fact('Version', [`${issue.version}, `, time(issue.updatedAt)]),
  )
}

function fact(name, content) {
  if (!content || content.length === 0) return ''
  return element('.fact', {}, element('h2', {}, name), element('div', {}, ...[content].flat(2).filter(Boolean)))
}

function lines(...content) {
  const isInline = content.length === 2 && typeof content[0] === 'string' && content[0].endsWith(', ')
  return isInline ? element('p', {}, ...content) : content.map((one) => element('p', {}, one))
}

function meter(name, { used, limit }) {
  const shown = limit === null ? `${used}` : `${used} of ${limit}`
  const share = limit === null || limit === 0 ? 0 : used / limit
  const bar = element('span.bar', {}, element('span', { className: share >= 1 ? 'full' : '' }))
  bar.firstChild.style.width = `${Math.min(100, share * 100)}%`
  return element(
    'p.budget',
    {},
    element('span', {}, words(name)),
    limit === null ? element('span') : bar,
    element('span.number', {}, shown),
  )
}

function usage({ inputTokens, cachedTokens, outputTokens, usd }) {
  const count = (tokens) => tokens.toLocaleString('en')
  return `${count(inputTokens)} tokens in (${count(cachedTokens)} cached), ${count(outputTokens)} out, $${usd.toFixed(2)}`
}

function drawMoves(section, explanation) {
  if (explanation === null) return
  const isOpen = section.open
  section.replaceChildren(
    element('summary', {}, element('h2', {}, 'What would move it')),
    element(
      'ul',
      {},
      ...explanation.timers.map(({ name, due }) => element('li', {}, element('code', {}, `after ${name}`), ' ', time(due))),
      ...explanation.events.map(({ type, by, enabled, guards, target }) =>
        element(
          'li',
          { className: enabled ? '' : 'barred' },
          element('code', {}, type),
          ` by ${by}${target === null ? '' : ` → ${target}`}`,
          ...guards
            .filter(({ holds }) => !holds)
            .map(({ name, reads }) =>
              element(
                'p.guard',
                {},
                `not ${name}: ${Object.entries(reads)
                  .map(([fact_, value]) => `${fact_} is ${JSON.stringify(value)}`)
                  .join(', ')}`,
              ),
            ),
        ),
      ),
    ),
  )
  section.open = isOpen
}

/** Newest first. */
function drawTimeline(list, entries) {
  const known = new Map([...list.children].map((item) => [item.dataset['seq'], item]))
  const items = entries.toReversed().map((entry) => {
    const seq = `${entry.seq} ${entry.address}`
    return known.get(seq) ?? drawEntry(entry, seq)
  })
  showChildren(list, items.length === 0 ? [element('li.empty', {}, 'Nothing has happened yet.')] : items)
}

function drawEntry(entry, seq) {
  const { type, ...payload } = entry.event
  const value = entry.value === undefined ? '' : element('span.value', {}, `→ ${plainValue(entry.value)}`)
  const summary = [
    element('span.at', { title: entry.at }, clock(entry.at)),
    element('code', {}, type),
    ' ',
    value,
    entry.ignored === undefined ? '' : element('span.ignored', {}, entry.ignored),
  ]
  return element(
    'li',
    { 'data-seq': seq, className: entry.ignored === undefined ? '' : 'barred' },
    element(
      'details',
      {},
      element('summary', {}, ...summary),
      element('p.cause', {}, `#${entry.seq} at ${entry.address}, by ${entry.cause}`),
      element('pre', {}, JSON.stringify(payload, null, 2)),
    ),
  )
}

function plainValue(value) {
  if (typeof value === 'string') return value
  return Object.entries(value)
    .map(([key, inner]) => (typeof inner === 'string' ? `${key} ${inner}` : `${key} (${plainValue(inner)})`))
    .join(', ')
}

function clock(iso) {
  return new Date(iso).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' })
}

function words(name) {
  return name.replaceAll('_', ' ')
}
