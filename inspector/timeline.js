// The events of one issue, each with its cause and what it carried.

import { element, showChildren } from './element.js'

/** Newest first. */
export function drawTimeline(list, entries) {
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
