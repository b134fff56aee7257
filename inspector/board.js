// The board: all issues by phase, in the machine's order; only the rows that changed are drawn again.

import { element, showChildren, time } from './element.js'
import { labelOf, needsPerson, partiesOf, phasesOf } from './lifecycle.js'
import { addressOf } from './state.js'

export function createBoard({ state }) {
  const search = element('input', {
    type: 'search',
    placeholder: 'Filter by key, title or project',
    'aria-label': 'Filter issues',
    oninput: () => state.trigger.filtered({ filter: { text: search.value } }),
  })
  const parties = element('.parties', { role: 'group', 'aria-label': 'Waiting for' })
  const groups = element('.groups')
  const empty = element('p.empty', { role: 'status' })
  const problem = element('p.message.problem', { role: 'alert' })
  const feed = element('ol.feed')
  const root = element(
    '.board',
    {},
    element('h1.hidden', {}, 'Issues'),
    element('.tools', {}, search, parties),
    element(
      '.columns',
      {},
      element('.issues', {}, problem, empty, groups),
      element('aside', { 'aria-label': 'Activity' }, element('h2', {}, 'Activity'), feed),
    ),
  )

  /** Phase to its section, and issue id to its row. */
  const sections = new Map()
  const rows = new Map()
  let before = null

  function sectionOf(key, phases) {
    let section = sections.get(key)
    if (section === undefined) {
      section = createSection(
        phases.find((phase) => phase.key === key) ?? { key, label: labelOf(key), description: '', tags: [], isTerminal: false },
      )
      sections.set(key, section)
      const order = (one) => (phases.findIndex((phase) => phase.key === one) + phases.length + 1) % (phases.length + 1)
      const next = [...sections].filter(([one]) => order(one) > order(key)).toSorted(([a], [b]) => order(a) - order(b))[0]
      groups.insertBefore(section.root, next?.[1].root ?? null)
    }
    return section
  }

  function drawRows(context, phases) {
    const touched = new Set()
    for (const [id, issue] of context.documents) {
      const row = rows.get(id)
      if (row?.issue === issue) continue
      const address = addressOf(issue, context.documents)
      const section = sectionOf(issue.phase, phases)
      const made = { issue, root: createRow(issue, address), section }
      if (row?.section === section && compare(row.issue, issue) === 0) {
        const hadFocus = row.root.contains(document.activeElement)
        row.root.replaceWith(made.root)
        if (hadFocus) made.root.querySelector('a').focus()
        section.rows[section.rows.indexOf(row)] = made
      } else {
        if (row !== undefined) {
          row.root.remove()
          row.section.rows.splice(row.section.rows.indexOf(row), 1)
          touched.add(row.section)
        }
        insert(section, made)
      }
      if (row !== undefined) made.root.classList.add('changed')
      made.root.hidden = !isShown(issue, context.filter)
      touched.add(section)
      rows.set(id, made)
    }
    return touched
  }

  const chips = new Map()
  function chipOf(party) {
    let chip = chips.get(party)
    if (chip === undefined) {
      const count = element('span.count')
      const toggle = () => {
        const { filter } = state.getSnapshot().context
        state.trigger.filtered({ filter: { party: filter.party === party ? null : party } })
      }
      const properties = { type: 'button', 'data-party': party ?? 'all', onclick: toggle }
      chip = { root: element('button.chip', properties, party === null ? 'All' : labelOf(party), count), count }
      chips.set(party, chip)
    }
    return chip
  }

  function drawParties({ documents, filter }) {
    const counts = new Map()
    for (const issue of documents.values()) for (const party of partiesOf(issue)) counts.set(party, (counts.get(party) ?? 0) + 1)
    if (filter.party !== null && !counts.has(filter.party)) counts.set(filter.party, 0)
    const order = [...counts.keys()].toSorted((a, b) => partyOrder(a) - partyOrder(b) || a.localeCompare(b))
    for (const party of [null, ...order]) {
      const { root: chip, count } = chipOf(party)
      count.textContent = String(party === null ? documents.size : counts.get(party))
      chip.ariaPressed = String(filter.party === party)
    }
    showChildren(
      parties,
      [null, ...order].map((party) => chipOf(party).root),
    )
  }

  return {
    root,
    update(context) {
      const phases = phasesOf(context.machines.issue)
      if (context.documents !== before?.documents) {
        for (const section of drawRows(context, phases)) section.count(context.partial)
      }
      if (context.partial !== before?.partial) {
        for (const section of sections.values()) section.count(context.partial)
      }
      if (context.documents !== before?.documents || context.filter !== before?.filter) drawParties(context)
      if (context.filter !== before?.filter) {
        if (search.value !== context.filter.text) search.value = context.filter.text
        for (const { root: row, issue } of rows.values()) row.hidden = !isShown(issue, context.filter)
        for (const section of sections.values()) section.count(context.partial)
      }
      const [text, refusal] = [emptyText(context, rows), context.boardRefusal?.message ?? '']
      if (empty.textContent !== text) empty.textContent = text
      if (problem.textContent !== refusal) problem.textContent = refusal
      if (context.feed !== before?.feed) drawFeed(feed, context)
      before = context
    },
  }
}

/** What is said where no issue is shown. */
function emptyText({ documents, isLoaded, boardRefusal }, rows) {
  if (documents.size > 0) return [...rows.values()].every(({ root }) => root.hidden) ? 'No issue passes the filter.' : ''
  if (isLoaded) return 'No issues yet. “signalbox submit TITLE” files the first.'
  return boardRefusal === null ? 'Reading the issues …' : ''
}

function createSection(phase) {
  const list = element('ul.rows')
  const count = element('span.count')
  const root = element(
    'details.group',
    { open: !phase.isTerminal, 'data-tags': phase.tags.join(' ') },
    element(
      'summary',
      { title: phase.description },
      element('span.dot'),
      element('h2', {}, phase.label),
      count,
      element('span.description', {}, phase.description),
    ),
    list,
  )
  const section = {
    root,
    list,
    rows: [],
    count(partial) {
      const visible = section.rows.filter((row) => !row.root.hidden).length
      count.textContent = `${visible}${partial.has(phase.key) ? '+' : ''}`
      root.hidden = visible === 0
    },
  }
  return section
}

/** Keeps rows in the order of their keys. */
function insert(section, row) {
  let low = 0
  let high = section.rows.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (compare(section.rows[middle].issue, row.issue) < 0) low = middle + 1
    else high = middle
  }
  section.list.insertBefore(row.root, section.rows[low]?.root ?? null)
  section.rows.splice(low, 0, row)
}

const collator = new Intl.Collator('en', { numeric: true })
const compare = (a, b) => collator.compare(a.key, b.key) || collator.compare(a.id, b.id)

function createRow(issue, address) {
  const waits = partiesOf(issue).map((party) => {
    const all = issue.waitsFor.filter((wait) => wait.party === party)
    const [{ since, until }] = all
    return element(
      'span.wait',
      { 'data-party': party, title: all.map(({ reason }) => reason).join('\n') },
      element('b', {}, `${labelOf(party)}${all.length > 1 ? ` ×${all.length}` : ''}`),
      ' ',
      time(since),
      until === null ? '' : time(until, ', due '),
    )
  })
  return element(
    'li',
    { className: `row${needsPerson(issue) ? ' needs-person' : ''}${issue.faulted ? ' faulted' : ''}`, 'data-id': issue.id },
    element('a.key', { href: address }, issue.key),
    element('span.title', { title: issue.title }, issue.title),
    element(
      'span.waits',
      {},
      issue.faulted ? element('span.fault', { title: issue.faulted.message }, `Faulted: ${issue.faulted.code}`) : waits,
    ),
    element('span.run', {}, issue.run === null ? '' : `${labelOf(issue.run.type)} · ${issue.run.agent}`),
    element('span.pull', {}, issue.pr === null ? '' : `#${issue.pr.number} `, issue.pr === null ? '' : marks(issue.pr)),
    element('span.updated', {}, time(issue.updatedAt)),
  )
}

/** What is neither good nor open yet is bad. */
const signs = { approved: ['✓', 'good'], passed: ['✓', 'good'], pending: ['…', ''], none: ['–', ''] }

function marks(pr) {
  return [
    ['review', pr.review],
    ['checks', pr.checks],
  ].map(([what, value]) => {
    const [sign, tone] = signs[value] ?? ['✕', 'bad']
    return element('span.mark', { className: `mark ${tone}`, title: `${what}: ${value.replaceAll('_', ' ')}` }, `${what} ${sign}`)
  })
}

function isShown(issue, { text, party }) {
  if (party !== null && !partiesOf(issue).includes(party)) return false
  return text === '' || `${issue.key} ${issue.title} ${issue.project}`.toLowerCase().includes(text.toLowerCase())
}

/** People first. */
function partyOrder(party) {
  return ['human', 'operator', 'reviewer'].includes(party) ? 0 : 1
}

/** Newest first. */
export function drawFeed(list, { feed }, issue = null) {
  const entries = feed.filter((entry) => issue === null || entry.issue === issue).toReversed()
  const known = new Map([...list.children].map((item) => [item.dataset['entry'], item]))
  const items = entries.slice(0, 60).map((entry) => {
    const identity = `${entry.seq} ${entry.kind}`
    return known.get(identity) ?? createFeedItem(entry, identity, issue === null)
  })
  showChildren(list, items.length === 0 ? [element('li.empty', {}, 'Nothing yet.')] : items)
}

function createFeedItem(entry, identity, isLinked) {
  const key = isLinked ? element('a', { href: `#/issues/${encodeURIComponent(entry.issue)}` }, entry.issue) : ''
  return element(
    'li',
    { className: entry.level, 'data-entry': identity },
    key,
    ' ',
    element('span', {}, entry.summary),
    ' ',
    time(entry.at),
  )
}
